/* SPDX-License-Identifier: MIT */
/*
 * One key of a JSON document: its type, its range, its default. Checks a single value against that
 * and puts both into words; the walk over a document is json_reader's.
 */
#ifndef NPUD_DAEMON_JSON_KEY_H
#define NPUD_DAEMON_JSON_KEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum key_type {
	KEY_FLAG,	     /* true or false */
	KEY_INTEGER,	     /* min … max */
	KEY_NUMBER,	     /* min … max, with or without a fraction */
	KEY_NUMBER_OR_AUTO,  /* the same, or "auto" */
	KEY_TEXT,	     /* min … max bytes */
	KEY_TEXT_OR_INTEGER, /* 1 … max bytes, or 0 … ID_MAX */
	KEY_CHOICE,	     /* one of `choices` */
	KEY_SET,	     /* array of different whole numbers min … max, not empty */
	KEY_OBJECT,	     /* keys as in `members` */
	KEY_MAP,	     /* at most max entries NAME: object of `members`; see JSON_NAME_MAX */
	KEY_LIST,	     /* array of at most max objects of `members` */
};

/* Largest user or group id; the one after it means "none" to the kernel. */
#define ID_MAX 4294967294.0
/* Names in a KEY_MAP: 1 … 31 letters, digits, `-` and `_`. */
#define JSON_NAME_MAX 31

/* Tables of these end with a NULL name. */
struct key_spec {
	const char *name;
	enum key_type type;
	bool is_required;
	bool is_later; /* checked, but nothing reads it yet: its presence makes a note */
	double min, max;
	const char *const *choices; /* NULL at the end */
	const char *fallback;	    /* what an absent key means, as JSON text; NULL: nothing */
	const struct key_spec *members;
};

enum key_verdict { KEY_IS_GOOD, KEY_HAS_WRONG_TYPE, KEY_IS_OUT_OF_RANGE, KEY_IS_NO_CHOICE };

/* KEY_OBJECT, KEY_MAP and KEY_LIST: the type and the number of members, not the members. */
enum key_verdict json_key_check(const struct key_spec *key, const json_t *value);
/* What was found, in a word or two: "'text'", "17", "a list of 3". */
void json_key_describe_value(const json_t *value, char *buffer, size_t size);
/* What would be right: "a number, 0.001 to 1000". */
void json_key_describe(const struct key_spec *key, char *buffer, size_t size);
/* "policy, fallback, quantum_ms": every key of a table. */
void json_key_describe_all(const struct key_spec *keys, char *buffer, size_t size);

#endif
