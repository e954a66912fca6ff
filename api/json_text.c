/* SPDX-License-Identifier: MIT */
/* Byte by byte where the whole is not UTF-8. */
#include "api/json_text.h"

#include <string.h>

#define STRING_BYTES 4096

json_t *json_untrusted_string(const char *text)
{
	char clean[STRING_BYTES];
	size_t length = strlen(text);
	if (length >= sizeof(clean))
		length = sizeof(clean) - 1;
	for (size_t i = 0; i < length; i++)
		clean[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	clean[length] = '\0';
	json_t *string = json_string(clean);
	if (string)
		return string;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)clean[i] >= 0x80)
			clean[i] = '?';
	return json_string(clean);
}
