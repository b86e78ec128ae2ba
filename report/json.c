/* SPDX-License-Identifier: MIT */
/* report/json.c - see json.h. */
#include "report/json.h"

#include <inttypes.h>
#include <math.h>

#include "report/escape.h"

static void put_escaped(FILE *out, uint32_t c)
{
	if (c >= 0x10000) {
		c -= 0x10000;
		fprintf(out, "\\u%04x\\u%04x", 0xd800u + (c >> 10), 0xdc00u + (c & 0x3ffu));
	} else {
		fprintf(out, "\\u%04x", c);
	}
}

/** Bytes at the start of @s that go out as they are, in one piece: most of any name. */
static size_t plain_length(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] < 0x7f && s[n] != '"' && s[n] != '\\' && s[n] != '<')
		n++;
	return n;
}

static void put_string(FILE *out, const char *s)
{
	putc('"', out);
	for (;;) {
		const size_t plain = plain_length(s);
		fwrite(s, 1, plain, out);
		s += plain;
		if (!*s)
			break;
		uint32_t c;
		const size_t n = ap_utf8_decode(s, &c);
		if (!n) {
			fputs("\xef\xbf\xbd", out);
			s++;
			continue;
		}
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (ap_char_acts(c) || (c == '<' && (s[1] == '/' || s[1] == '!')))
			put_escaped(out, c);
		else
			fwrite(s, 1, n, out);
		s += n;
	}
	putc('"', out);
}

static void line(struct ap_json *json)
{
	putc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		putc('\t', json->out);
}

static void begin_value(struct ap_json *json, const char *key)
{
	if (json->filled)
		putc(',', json->out);
	if (json->depth > 0 && json->depth <= AP_JSON_LINES)
		line(json);
	else if (json->filled)
		putc(' ', json->out);
	json->filled = true;
	if (key) {
		put_string(json->out, key);
		fputs(": ", json->out);
	}
}

void ap_json_begin(struct ap_json *json, const char *key, char bracket)
{
	begin_value(json, key);
	putc(bracket, json->out);
	json->depth++;
	json->filled = false;
}

void ap_json_end(struct ap_json *json, char bracket)
{
	const bool lines = json->depth <= AP_JSON_LINES && json->filled;

	json->depth--;
	if (lines)
		line(json);
	putc(bracket, json->out);
	json->filled = true;
	if (!json->depth)
		putc('\n', json->out);
}

void ap_json_string(struct ap_json *json, const char *key, const char *value)
{
	if (!value) {
		ap_json_null(json, key);
		return;
	}
	begin_value(json, key);
	put_string(json->out, value);
}

void ap_json_uint(struct ap_json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value > INT64_MAX ? (uint64_t)INT64_MAX : value);
}

void ap_json_double(struct ap_json *json, const char *key, double value)
{
	if (!isfinite(value)) {
		ap_json_null(json, key);
		return;
	}
	begin_value(json, key);
	fprintf(json->out, "%.15g", fabs(value) < 1e9 ? rint(value * 1e6) / 1e6 : value);
}

void ap_json_bool(struct ap_json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void ap_json_null(struct ap_json *json, const char *key)
{
	begin_value(json, key);
	fputs("null", json->out);
}
