/* SPDX-License-Identifier: MIT */
/* report/exclude.c - see exclude.h.
 *
 * What gcc compares with (seen with gcc 12): the qualified name with template arguments, without type and parameters;
 * "{anonymous}" where demanglers write "(anonymous namespace)"; types in words of its own ("long unsigned int"). */
#include "report/exclude.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

#define NAME_BYTES 512
#define ANONYMOUS "(anonymous namespace)"
#define FILE_LIST "-finstrument-functions-exclude-file-list="
#define FUNCTION_LIST "-finstrument-functions-exclude-function-list="

/* Of all calls. */
#define LEAST_SHARE 1000

static uint64_t least_calls(const struct ap_report *report)
{
	uint64_t calls = 0;

	for (size_t i = 0; i < report->order_n; i++)
		calls += report->profile->functions[report->order[i]].calls;
	return calls / LEAST_SHARE + 1;
}

static bool is_tiny(const struct ap_report *report, const struct ap_excluded *excluded, uint32_t f)
{
	const struct ap_profile_function *function = &report->profile->functions[f];

	return ap_figure_listed(report, f) && function->calls >= excluded->least_calls &&
	       ap_figure_avg_self_ns(function) < report->profile->quality.hook_ns;
}

static bool begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

/* As gcc finds the entries of AP_EXCLUDE_HEADERS in the name of a file. A template's function that the C++ library has too
 * has its address there, where no file is known. */
static bool in_system_header(const struct ap_symbol *symbol)
{
	if (symbol->file)
		return strstr(symbol->file, "/usr/include") || strstr(symbol->file, "/include/c++");
	return begins(symbol->module, "libstdc++.so") || begins(symbol->module, "libc++.so");
}

/* Functions of headers that do enough to be seen would go as well. */
static bool headers_may_go(const struct ap_report *report, const struct ap_excluded *excluded)
{
	uint64_t seen_ns = 0;

	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		if (in_system_header(&report->symbols[f]) && !is_tiny(report, excluded, f))
			seen_ns += report->profile->functions[f].self_ns;
	}
	return ap_figure_share((double)seen_ns, (double)ap_figure_self_sum(report)) <=
	       AP_EXCLUDE_HEADERS_MOST_PCT;
}

static void count_headers(const struct ap_report *report, struct ap_excluded *ret)
{
	for (size_t i = 0; i < ret->n; i++) {
		const uint32_t f = ret->functions[i];
		if (in_system_header(&report->symbols[f])) {
			ret->headers_n++;
			ret->headers_calls += report->profile->functions[f].calls;
			ret->headers_known = ap_calls_worse(
				ret->headers_known, report->profile->functions[f].calls_known);
		}
	}
}

bool ap_exclude_by_file(const struct ap_report *report, const struct ap_excluded *excluded,
			uint32_t function)
{
	return excluded->headers_n && in_system_header(&report->symbols[function]);
}

int ap_exclude_find(const struct ap_report *report, struct ap_excluded *ret)
{
	struct ap_figure_ordered by_calls;

	*ret = (struct ap_excluded){.least_calls = least_calls(report)};
	if (ap_figure_order(report, AP_SORT_CALLS, &by_calls))
		return -ENOMEM;
	ret->functions = by_calls.functions;
	for (size_t i = 0; i < by_calls.n; i++) {
		const uint32_t f = by_calls.functions[i];
		if (is_tiny(report, ret, f)) {
			ret->functions[ret->n++] = f; /* never behind i */
			ret->calls += report->profile->functions[f].calls;
			ret->counted += report->profile->functions[f].counted_calls;
			ret->missed += report->profile->functions[f].missed_calls;
			ret->calls_known = ap_calls_worse(
				ret->calls_known, report->profile->functions[f].calls_known);
		}
	}
	if (headers_may_go(report, ret))
		count_headers(report, ret);
	return 0;
}

/* Behind the bracket that belongs to the one at @open. */
static const char *behind_bracket(const char *open)
{
	int depth = 0;

	for (const char *at = open; *at; at++) {
		depth += *at == '(' || *at == '<';
		depth -= *at == ')' || (*at == '>' && at > open && at[-1] != '-');
		if (depth == 0)
			return at + 1;
	}
	return open + strlen(open);
}

/* The parts of a name outside of all brackets: where it begins, behind a type, where its last component
 * does, and where the parameters do. */
struct parts {
	const char *begin, *last, *end;
};

static struct parts take_apart(const char *name)
{
	struct parts parts = {name, name, NULL};
	const char *at = name;

	while (*at) {
		if (strncmp(at, ANONYMOUS, strlen(ANONYMOUS)) == 0) {
			at += strlen(ANONYMOUS);
		} else if (*at == '(' || *at == '<') {
			const char *behind = behind_bracket(at);
			if (*at == '(' && strncmp(behind, "::", 2) != 0) {
				parts.end = at;
				return parts;
			}
			at = behind;
		} else if (*at == ' ') {
			parts.begin = parts.last = ++at;
		} else if (strncmp(at, "::", 2) == 0) {
			parts.last = at += 2;
		} else {
			at++;
		}
	}
	parts.end = at;
	return parts;
}

static const char *find_in(const char *from, const char *to, char wanted)
{
	const char *found = memchr(from, wanted, (size_t)(to - from));
	return found ? found : to;
}

static bool put(char *ret, size_t size, const char *prefix, const char *from, const char *to)
{
	const int n = snprintf(ret, size, "%s%.*s", prefix, (int)(to - from), from);
	return n > 0 && (size_t)n < size;
}

/* Nothing that a shell or a make takes for something else. */
static bool is_plain(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (!isalnum((unsigned char)*pattern) && !strchr("_:~.", *pattern))
			return false;
	}
	return true;
}

/* Without template arguments, which gcc writes in its own way; a scope that has some, or is local to a function, or has
 * no name, is left out too. */
bool ap_exclude_pattern(const char *name, char *ret, size_t size)
{
	const struct parts parts = take_apart(name);
	const char *end = find_in(parts.last, parts.end, '<');
	const bool scope_is_plain = find_in(parts.begin, parts.last, '<') == parts.last &&
				    find_in(parts.begin, parts.last, '(') == parts.last;

	if (strchr(name, '{') || strstr(name, "operator") || end == parts.last)
		return false;
	return put(ret, size, scope_is_plain ? "" : "::", scope_is_plain ? parts.begin : parts.last,
		   end) &&
	       is_plain(ret);
}

/* May it stand in the list? Not when it is a part of the name of one that stays. */
static bool is_clear(const struct ap_report *report, const struct ap_excluded *excluded,
		     const char *pattern)
{
	for (size_t i = 0; i < report->order_n; i++) {
		const uint32_t f = report->order[i];
		if (!is_tiny(report, excluded, f) && !ap_exclude_by_file(report, excluded, f) &&
		    strstr(report->symbols[f].name, pattern))
			return false;
	}
	return true;
}

/* Is @pattern an entry of a list in @flags? */
static bool is_listed(const char *flags, const char *pattern)
{
	const size_t n = strlen(pattern);

	for (const char *at = strstr(flags, pattern); at; at = strstr(at + 1, pattern)) {
		if (at > flags && strchr("=,", at[-1]) && (at[n] == ',' || at[n] == '\0'))
			return true;
	}
	return false;
}

/* @flags: what is in @out so far, after a flush. */
static void put_names(FILE *out, char *const *flags, const struct ap_report *report,
		      const struct ap_excluded *excluded, size_t most)
{
	const char *before = excluded->headers_n ? " " FUNCTION_LIST : FUNCTION_LIST;
	char pattern[NAME_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < excluded->n && n < most; i++) {
		const uint32_t f = excluded->functions[i];
		const struct ap_symbol *symbol = &report->symbols[f];
		if (symbol->guessed || ap_exclude_by_file(report, excluded, f) ||
		    !ap_exclude_pattern(symbol->name, pattern, sizeof(pattern)) || fflush(out) ||
		    is_listed(*flags, pattern) || !is_clear(report, excluded, pattern))
			continue;
		fprintf(out, "%s%s", n++ ? "," : before, pattern);
	}
}

char *ap_exclude_flags(const struct ap_report *report, const struct ap_excluded *excluded,
		       size_t most)
{
	char *flags = NULL;
	size_t size;
	FILE *out = open_memstream(&flags, &size);

	if (!out)
		return NULL;
	if (excluded->headers_n)
		fputs(FILE_LIST AP_EXCLUDE_HEADERS, out);
	put_names(out, &flags, report, excluded, most);
	if (fclose(out)) {
		free(flags);
		return NULL;
	}
	return flags;
}
