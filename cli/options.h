/* SPDX-License-Identifier: MIT */
/* cli/options.h - verbs and their options, as tables: parsing and --help come from the same
 * rows. */
#ifndef AP_CLI_OPTIONS_H
#define AP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What `autoprof` exits with; `run` passes the program's own status on, and has 125 to 127
 * besides. */
enum ap_exit {
	AP_EXIT_OK = 0,
	AP_EXIT_TROUBLE = 2,
	AP_EXIT_RUN_FAILED = 125,
	AP_EXIT_NOT_EXECUTABLE = 126,
	AP_EXIT_NOT_FOUND = 127,
};

enum ap_option_kind {
	AP_OPTION_FLAG,	  /* bool */
	AP_OPTION_TEXT,	  /* const char * */
	AP_OPTION_NUMBER, /* unsigned */
	AP_OPTION_CHOICE, /* unsigned: index into choices */
	AP_OPTION_LIST,	  /* struct ap_option_list */
};

/** Values of an option that may be repeated. */
#define AP_OPTION_LIST_MOST 32
struct ap_option_list {
	const char *values[AP_OPTION_LIST_MOST];
	unsigned n;
};

/** One option. The table ends with a NULL name. */
struct ap_option {
	const char *name;
	char letter; /* 0: long only */
	enum ap_option_kind kind;
	size_t offset;	      /* of its value in the verb's struct */
	const char *argument; /* its name in the help; NULL for flags */
	const char *help;
	const char *const *choices; /* NULL-terminated */
};

/** A verb. */
struct ap_verb {
	const char *name;
	const char *summary;  /* one line, small first letter */
	const char *operands; /* for the usage line */
	const struct ap_option *options;
	bool command; /* the first operand begins a command: what follows is not ours */
	bool hidden;
	int trouble; /* exit status of a usage error */
	int (*run)(const struct ap_verb *verb, int argc, char **argv);
};

extern const struct ap_verb ap_verb_run, ap_verb_report, ap_verb_ctl, ap_verb_info, ap_verb_flags,
	ap_verb_gc, ap_verb_dump, ap_verb_attend;

/**
 * ap_options_parse() - read a verb's options into its zeroed struct
 * @argv: argv[0] is the verb's name
 * @ret_status: set when the verb is not to go on
 *
 * Prints the help when asked to, and what is wrong with an option.
 * Return: index of the first operand in @argv, or -1. */
int ap_options_parse(const struct ap_verb *verb, int argc, char **argv, void *into,
		     int *ret_status);

/** ap_options_help() - usage, summary and options of a verb on stdout. */
void ap_options_help(const struct ap_verb *verb);

/** ap_complain() - "autoprof: ..." and a newline on stderr. */
void ap_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
