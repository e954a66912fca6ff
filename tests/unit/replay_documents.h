/* SPDX-License-Identifier: MIT */
/*
 * A small good recording of each ABI, and a way to make a bad one of it. For tests.
 */
#ifndef NPUD_TESTS_REPLAY_DOCUMENTS_H
#define NPUD_TESTS_REPLAY_DOCUMENTS_H

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char replay_rknpu_text[] =
	"{\"format\": 1, \"name\": \"r\", \"abi\": \"rknpu\","
	" \"submits\": [{"
	"  \"buffers\": [{\"handle\": 1, \"iova\": 4096, \"size\": 4096, \"flags\": 0},"
	"                {\"handle\": 2, \"iova\": 4294959104, \"size\": 8192, \"flags\": 8}],"
	"  \"writes\": [{\"handle\": 1, \"offset\": 4000, \"length\": 96, \"from\": 10},"
	"               {\"handle\": 2, \"offset\": 0, \"length\": 8192, \"from\": 106}],"
	"  \"data\": \"writes/0000.bin.gz\", \"flags\": 5, \"timeout_ms\": 6000,"
	"  \"task_start\": 0, \"task_number\": 3, \"core_mask\": 1,"
	"  \"subcore\": [[10, 2], [11, 1], [10, 1], [11, 1], [12, 1]],"
	"  \"tasks\": [{\"index\": 10, \"int_mask\": 256, \"regcfg_amount\": 10,"
	"               \"regcmd_iova\": 4096},"
	"              {\"index\": 11, \"int_mask\": 512, \"regcfg_amount\": 600,"
	"               \"regcmd_iova\": 4112},"
	"              {\"index\": 12, \"int_mask\": 3072, \"regcfg_amount\": 4294967295,"
	"               \"regcmd_iova\": 4294963200}]}],"
	" \"checks\": [{\"submit\": 0, \"handle\": 2, \"type\": \"fp16\", \"count\": 4,"
	"              \"scale\": 1.0, \"add\": 0, \"atol\": 0.5, \"rtol\": 0,"
	"              \"offsets\": \"checks/o.gz\", \"expected\": \"checks/e.gz\"}]}";

static const char replay_rocket_text[] =
	"{\"format\": 1, \"name\": \"k\", \"abi\": \"rocket\","
	" \"submits\": [{"
	"  \"buffers\": [{\"handle\": 1, \"iova\": 4096, \"size\": 4096, \"flags\": 0},"
	"                {\"handle\": 2, \"iova\": 8192, \"size\": 4096, \"flags\": 0}],"
	"  \"jobs\": [{\"in\": [1, 2], \"out\": [2],"
	"              \"tasks\": [{\"regcmd_iova\": 4096, \"regcmd_count\": 24},"
	"                          {\"regcmd_iova\": 8176, \"regcmd_count\": 24}]},"
	"             {\"in\": [2], \"out\": [],"
	"              \"tasks\": [{\"regcmd_iova\": 8192, \"regcmd_count\": 1}]}]}],"
	" \"checks\": []}";

/* The document with what is at `path` ("submits.0.data") replaced by `value`; NULL: removed. */
static inline json_t *replay_document(const char *text, const char *path, const char *value)
{
	json_t *document = json_loads(text, 0, NULL);
	json_t *at = document;
	char key[64];
	ck_assert_ptr_nonnull(document);
	while (path && strchr(path, '.')) {
		size_t length = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key))
				       : json_object_get(at, key);
		path += length + 1;
	}
	if (!path)
		return document;
	ck_assert_ptr_nonnull(at);
	json_t *replacement = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
	ck_assert(!value || replacement);
	if (!value)
		json_object_del(at, path);
	else if (json_is_array(at))
		ck_assert_int_eq(json_array_set_new(at, (size_t)atoi(path), replacement), 0);
	else
		ck_assert_int_eq(json_object_set_new(at, path, replacement), 0);
	return document;
}

#endif
