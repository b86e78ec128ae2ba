/* SPDX-License-Identifier: MIT */
/* report/json.h - a streaming JSON writer: no tree, no allocation, output that is always
 * well-formed.
 *
 * Members take their key, elements of arrays take NULL. Containers below the second level stand on
 * one line, so that a report of 100,000 lines can be read, compared and searched line by line. */
#ifndef AP_REPORT_JSON_H
#define AP_REPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define AP_JSON_LINES 2 /* containers up to this depth have a line for each of their members */

struct ap_json {
	FILE *out; /* borrowed */
	unsigned depth;
	bool filled; /* the open container has a member */
};

void ap_json_begin(struct ap_json *json, const char *key, char bracket); /* '{' or '[' */
void ap_json_end(struct ap_json *json, char bracket);			 /* '}' or ']' */

/** ap_json_string() - NULL writes null. Bytes that are no UTF-8 become U+FFFD; what could act on a
 * terminal, or end a script element that the report is embedded in, is written as \uXXXX. */
void ap_json_string(struct ap_json *json, const char *key, const char *value);
/** ap_json_uint() - values above 2^63-1, which many parsers refuse, are written as 2^63-1. */
void ap_json_uint(struct ap_json *json, const char *key, uint64_t value);
/** ap_json_double() - rounded to 6 places; autoprof never calls setlocale(), so the point is a
 * point. Not a number or infinite: null. */
void ap_json_double(struct ap_json *json, const char *key, double value);
void ap_json_bool(struct ap_json *json, const char *key, bool value);
void ap_json_null(struct ap_json *json, const char *key);

#endif
