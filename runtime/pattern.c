/* SPDX-License-Identifier: MIT */
/* runtime/pattern.c - patterns of filters, and the names that they are compared with.
 *
 * Of a linkage name of C++ (Itanium C++ ABI, 5.1 "External Names") as much is read as makes a qualified name without
 * arguments of templates and functions. Where that is more than nested names, the linkage name is all there is. */
#include "runtime/runtime.h"

/* @pattern: up to @end; "*" is any text, "?" any byte. */
static bool matches(const char *pattern, const char *end, const char *name)
{
	const char *star = NULL, *retry = NULL;
	while (*name) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

static const char *end_of(const char *pattern)
{
	while (*pattern && *pattern != ',')
		pattern++;
	return pattern;
}

uint64_t ap_patterns_count(const char *list)
{
	uint64_t n = *list != 0;
	for (; *list; list++)
		n += *list == ',';
	return n;
}

uint64_t ap_patterns_match(const char *list, const char *name)
{
	uint64_t found = 0;
	for (uint64_t bit = 1; *list && bit; bit <<= 1) {
		const char *end = end_of(list);
		if (matches(list, end, name))
			found |= bit;
		list = *end ? end + 1 : end;
	}
	return found;
}

/* --- names of C++ --------------------------------------------------------------------------------------- */

struct reader {
	const char *at;
	char *text;
	size_t size, used;
	const char *
		last; /* the component before, with its length: constructors have no name of their own */
	size_t last_bytes;
	bool failed;
};

static void append(struct reader *r, const char *text, size_t bytes)
{
	if (bytes >= r->size - r->used) {
		r->failed = true;
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		r->text[r->used++] = text[i];
}

static void begin_component(struct reader *r)
{
	if (r->used)
		append(r, "::", 2);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number and as many bytes. Return: them; NULL: it says more than there is. */
static const char *take_source_name(struct reader *r, size_t *ret_bytes)
{
	size_t bytes = 0;
	while (is_digit(*r->at) && bytes < 4096)
		bytes = 10 * bytes + (size_t)(*r->at++ - '0');
	const char *name = r->at;
	for (size_t i = 0; i < bytes; i++)
		if (!name[i])
			return NULL;
	r->at += bytes;
	*ret_bytes = bytes;
	return name;
}

static bool begins(const char *text, size_t bytes, const char *with)
{
	size_t i = 0;
	while (with[i] && i < bytes && text[i] == with[i])
		i++;
	return !with[i];
}

/* Rust's older scheme ends in a hash: "17h" and 16 digits. */
static bool is_rust_hash(const struct reader *r, const char *name, size_t bytes)
{
	return bytes == 17 && name[0] == 'h' && *r->at == 'E' && r->used;
}

static void read_source_name(struct reader *r)
{
	size_t bytes = 0;
	const char *name = take_source_name(r, &bytes);
	if (!name || bytes == 0) {
		r->failed = true;
		return;
	}
	if (is_rust_hash(r, name, bytes))
		return;
	begin_component(r);
	if (begins(name, bytes, "_GLOBAL__N_"))
		append(r, "(anonymous namespace)", 21);
	else
		append(r, name, bytes);
	r->last = name;
	r->last_bytes = bytes;
}

/* A constructor ("C1") or destructor ("D1"). */
static void read_structor(struct reader *r)
{
	begin_component(r);
	if (*r->at == 'D')
		append(r, "~", 1);
	if (!r->last || !is_digit(r->at[1])) {
		r->failed = true;
		return;
	}
	append(r, r->last, r->last_bytes);
	r->at += 2;
}

/* A literal argument: "L", type, value, "E". One that is a name in its turn is given up. */
static void skip_literal(struct reader *r)
{
	size_t bytes;
	r->at++;
	if (*r->at == '_' || *r->at == 'N')
		r->failed = true;
	else if (is_digit(*r->at))
		r->failed = !take_source_name(r, &bytes);
	while (*r->at && *r->at != 'E')
		r->at++;
	r->at += *r->at != 0;
}

/* "St", "S0_", "T_", and the bounds of an array, "A10_": digits that are no lengths of names. */
static void skip_number(struct reader *r)
{
	const bool base36 = *r->at++ == 'S';
	while (is_digit(*r->at) || (base36 && *r->at >= 'A' && *r->at <= 'Z'))
		r->at++;
	r->at += *r->at != 0;
}

static bool opens(char c)
{
	return c == 'I' || c == 'N' || c == 'J' || c == 'F';
}

/* Arguments of a template, from their "I" to behind its "E". Expressions are given up. */
static void skip_arguments(struct reader *r)
{
	size_t bytes, depth = 0;
	do {
		const char c = *r->at;
		if (is_digit(c)) {
			r->failed = !take_source_name(r, &bytes);
		} else if (c == 'L') {
			skip_literal(r);
		} else if (c == 'S' || c == 'T' || c == 'A') {
			skip_number(r);
		} else if (c == 0 || c == 'X' || c == 'D') {
			r->failed = true;
		} else {
			depth += opens(c);
			depth -= c == 'E';
			r->at++;
		}
	} while (depth && !r->failed);
}

static void read_component(struct reader *r)
{
	switch (*r->at) {
	case 'S':
		if (r->at[1] != 't') {
			r->failed = true;
			return;
		}
		begin_component(r);
		append(r, "std", 3);
		r->at += 2;
		return;
	case 'I':
		skip_arguments(r);
		return;
	case 'C':
	case 'D':
		read_structor(r);
		return;
	case 'L':
		r->at++; /* not seen outside of its file */
		return;
	default:
		if (is_digit(*r->at))
			read_source_name(r);
		else
			r->failed = true;
	}
}

bool ap_pattern_qualified(const char *symbol, char *ret, size_t size)
{
	struct reader r = {.at = symbol, .text = ret, .size = size};
	if (symbol[0] != '_' || symbol[1] != 'Z')
		return false;
	r.at += 2;
	const bool nested = *r.at == 'N';
	r.at += nested;
	while (nested &&
	       (*r.at == 'r' || *r.at == 'V' || *r.at == 'K' || *r.at == 'R' || *r.at == 'O'))
		r.at++;
	if (nested) {
		while (*r.at != 'E' && !r.failed)
			read_component(&r);
	} else { /* one component, perhaps in std */
		while (r.used == 0 && !r.failed)
			read_component(&r);
		if (!r.failed && begins(ret, r.used, "std") && r.used == 3)
			read_component(&r);
	}
	if (r.failed || r.used == 0)
		return false;
	ret[r.used] = 0;
	return true;
}
