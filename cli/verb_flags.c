/* SPDX-License-Identifier: MIT */
/* cli/verb_flags.c - `autoprof flags`: how to compile a program so that every call is seen. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "report/exclude.h"

struct values {
	bool exclude;
};

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"exclude", 'x', AP_OPTION_FLAG, AT(exclude), NULL,
	 "not functions of headers (gcc), inlined ones (clang)", NULL},
	{0},
};
#undef AT

/* What a compiler takes to put the hooks in, into all functions or fewer. */
struct compiler {
	const char *name;
	const char *all;
	const char *fewer;
};

static const struct compiler compilers[] = {
	{"gcc", "-finstrument-functions",
	 "-finstrument-functions "
	 "-finstrument-functions-exclude-file-list=" AP_EXCLUDE_HEADERS},
	/* clang has no lists; but what it has inlined can go without. */
	{"clang", "-finstrument-functions", "-finstrument-functions-after-inlining"},
};

/* -g names files and lines; the frame pointer serves the sampler. */
#define COMMON_FLAGS "-g -fno-omit-frame-pointer"

static const struct compiler *find(const char *name)
{
	for (size_t i = 0; i < sizeof(compilers) / sizeof(compilers[0]); i++) {
		if (strcmp(compilers[i].name, name) == 0) {
			return &compilers[i];
		}
	}
	return NULL;
}

static int flags(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	int status;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (argc - first > 1) {
		ap_complain("flags takes one compiler: gcc or clang");
		return AP_EXIT_TROUBLE;
	}
	const struct compiler *compiler = first < argc ? find(argv[first]) : &compilers[0];
	if (!compiler) {
		ap_complain("no flags are known for '%s': gcc or clang", argv[first]);
		return AP_EXIT_TROUBLE;
	}
	printf("%s " COMMON_FLAGS "\n", values.exclude ? compiler->fewer : compiler->all);
	return AP_EXIT_OK;
}

const struct ap_verb ap_verb_flags = {
	.name = "flags",
	.summary = "print the compiler flags for a program to be profiled",
	.operands = "[gcc|clang]",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = flags,
};
