/* SPDX-License-Identifier: MIT */
/* cli/main.c - the autoprof program: finds the verb, and answers --help and --version. */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

static const struct ap_verb *const verbs[] = {
	&ap_verb_run,	&ap_verb_report, &ap_verb_ctl,	&ap_verb_info,
	&ap_verb_flags, &ap_verb_gc,	 &ap_verb_dump, &ap_verb_attend,
};
#define VERBS_N (sizeof(verbs) / sizeof(verbs[0]))

static const struct ap_verb *find(const char *name)
{
	for (size_t i = 0; i < VERBS_N; i++) {
		if (strcmp(verbs[i]->name, name) == 0) {
			return verbs[i];
		}
	}
	return NULL;
}

static void print_usage(FILE *out)
{
	fputs("usage: autoprof VERB [options] [arguments]\n\n"
	      "A profiler for Linux programs: LD_PRELOAD it, or let `autoprof run` do so.\n\n",
	      out);
	for (size_t i = 0; i < VERBS_N; i++) {
		if (!verbs[i]->hidden) {
			fprintf(out, "  %-10s%s\n", verbs[i]->name, verbs[i]->summary);
		}
	}
	fputs("\n'autoprof help VERB' or 'autoprof VERB --help' tells more.\n", out);
}

static int unknown(const char *name)
{
	ap_complain("no verb is called '%s'; try 'autoprof --help'", name);
	return AP_EXIT_TROUBLE;
}

static int help(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stdout);
		return AP_EXIT_OK;
	}
	const struct ap_verb *verb = find(argv[1]);
	if (!verb) {
		return unknown(argv[1]);
	}
	ap_options_help(verb);
	return AP_EXIT_OK;
}

static int dispatch(int argc, char **argv)
{
	const char *name = argv[0];

	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		return help(argc, argv);
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("autoprof " AP_VERSION);
		return AP_EXIT_OK;
	}
	const struct ap_verb *verb = find(name);
	return verb ? verb->run(verb, argc, argv) : unknown(name);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return AP_EXIT_TROUBLE;
	}
	const int status = dispatch(argc - 1, argv + 1);
	if (fflush(stdout) != 0 && status == AP_EXIT_OK) {
		ap_complain("cannot write to stdout");
		return AP_EXIT_TROUBLE;
	}
	return status;
}
