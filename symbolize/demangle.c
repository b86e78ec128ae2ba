/* SPDX-License-Identifier: MIT */
/* symbolize/demangle.c - C++ and Rust (legacy and v0) names, through libiberty.
 *
 * A mangled name comes from a file that nobody vouches for. A few hundred bytes of it can demangle to
 * gigabytes (each substitution may double the text), so the output is taken piece by piece and given up at
 * a limit; the parser recurses once a byte or two, so the input is limited by what the stack can bear. */
#include "symbolize/symbolize.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

/* The demangler's own limit, 2 KiB, is below what templates reach in practice; at 8 KiB the parser and its
 * arrays stay below 4 MiB of stack. */
#define INPUT_LIMIT (8u << 10)
#define OUTPUT_LIMIT (64u << 10)

typedef int (*demangler)(const char *, int, demangle_callbackref, void *);

struct sink {
	jmp_buf full;
	char *text;
	size_t used;
	size_t size;
};

static bool sink_reserve(struct sink *sink, size_t n)
{
	if (sink->size - sink->used > n) {
		return true;
	}
	const size_t size = (sink->used + n + 1) * 2;
	char *text = realloc(sink->text, size);
	if (text != NULL) {
		sink->text = text;
		sink->size = size;
	}
	return text != NULL;
}

static void sink_take(const char *piece, size_t n, void *opaque)
{
	struct sink *sink = opaque;

	if (n > OUTPUT_LIMIT - sink->used || !sink_reserve(sink, n)) {
		/* The only way to stop it. Nothing leaks: these entry points keep all they need on the stack. */
		longjmp(sink->full, 1);
	}
	memcpy(sink->text + sink->used, piece, n);
	sink->used += n;
	sink->text[sink->used] = '\0';
}

static bool sink_fill(struct sink *sink, demangler demangle, const char *name, int options)
{
	sink->used = 0;
	if (setjmp(sink->full) != 0) {
		return false;
	}
	return demangle(name, options, sink_take, sink) != 0 && sink->used > 0;
}

char *ap_demangle(const char *linkage_name)
{
	static const int options = DMGL_PARAMS | DMGL_ANSI;
	struct sink sink = {.used = 0};

	if (linkage_name[0] != '_' || strnlen(linkage_name, INPUT_LIMIT + 1) > INPUT_LIMIT) {
		return NULL;
	}
	/* Rust first: its legacy names are valid C++ names too, with a hash at the end. */
	if (sink_fill(&sink, rust_demangle_callback, linkage_name, options) ||
	    sink_fill(&sink, cplus_demangle_v3_callback, linkage_name,
		      options | DMGL_NO_RECURSE_LIMIT)) {
		return sink.text;
	}
	free(sink.text);
	return NULL;
}
