/* SPDX-License-Identifier: MIT */
/* Text of clients, made fit for a document. */
#ifndef NPUD_API_JSON_TEXT_H
#define NPUD_API_JSON_TEXT_H

#include <jansson.h>

/*
 * A new string of text that a client chose: JSON wants UTF-8, readers on a terminal want no control
 * characters; what is neither becomes '?'. NULL on lack of memory.
 */
json_t *json_untrusted_string(const char *text);

#endif
