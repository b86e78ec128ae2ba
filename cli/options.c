/* SPDX-License-Identifier: MIT */
/* cli/options.c - see options.h. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OPTIONS 32
#define HELP_COLUMN 26
#define FIRST_LONG 256 /* getopt's value of row i is FIRST_LONG + i */

static const struct ap_option help_option = {
	"help", 'h', AP_OPTION_FLAG, 0, NULL, "print this help", NULL};

void ap_complain(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("autoprof: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void print_option(const struct ap_option *option)
{
	char left[80];
	const char *argument = option->argument;

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", option->letter ? '-' : ' ',
		 option->letter ? option->letter : ' ', option->letter ? ',' : ' ', option->name,
		 argument ? "=" : "", argument ? argument : "");
	if (strlen(left) + 4 > HELP_COLUMN) {
		printf("  %s\n  %*s%s\n", left, HELP_COLUMN, "", option->help);
	} else {
		printf("  %-*s%s\n", HELP_COLUMN, left, option->help);
	}
}

void ap_options_help(const struct ap_verb *verb)
{
	printf("usage: autoprof %s [options] %s\n\n%s\n\n", verb->name, verb->operands,
	       verb->summary);
	for (const struct ap_option *option = verb->options; option->name; option++) {
		print_option(option);
	}
	print_option(&help_option);
}

static int set_number(const char *text, unsigned *ret)
{
	char *end;

	errno = 0;
	const unsigned long value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > UINT_MAX) {
		return -EINVAL;
	}
	*ret = (unsigned)value;
	return 0;
}

static int set_choice(const char *text, const char *const *choices, unsigned *ret)
{
	for (unsigned i = 0; choices[i]; i++) {
		if (strcmp(choices[i], text) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int append(const char *text, struct ap_option_list *list)
{
	if (list->n == AP_OPTION_LIST_MOST) {
		return -E2BIG;
	}
	list->values[list->n++] = text;
	return 0;
}

static int set(const struct ap_option *option, const char *text, void *into)
{
	void *value = (char *)into + option->offset;

	switch (option->kind) {
	case AP_OPTION_FLAG:
		*(bool *)value = true;
		return 0;
	case AP_OPTION_TEXT:
		*(const char **)value = text;
		return 0;
	case AP_OPTION_NUMBER:
		return set_number(text, value);
	case AP_OPTION_CHOICE:
		return set_choice(text, option->choices, value);
	case AP_OPTION_LIST:
		return append(text, value);
	}
	return -EINVAL;
}

static void complain_of_value(const struct ap_option *option, const char *text)
{
	ap_complain("--%s cannot be '%s'", option->name, text);
	for (const char *const *choice = option->choices; choice && *choice; choice++) {
		fprintf(stderr, "%s%s%s", choice == option->choices ? "          one of: " : " ",
			*choice, choice[1] ? "" : "\n");
	}
}

/* What getopt_long() wants, made from the table. */
struct getopt_tables {
	char letters[2 + 3 * MOST_OPTIONS];
	struct option longs[MOST_OPTIONS + 2];
};

static void make_tables(const struct ap_verb *verb, struct getopt_tables *ret)
{
	char *letter = ret->letters;
	int i = 0;

	if (verb->command) {
		*letter++ = '+';
	}
	for (const struct ap_option *option = verb->options; option->name && i < MOST_OPTIONS;
	     option++, i++) {
		ret->longs[i] = (struct option){option->name,
						option->argument ? required_argument : no_argument,
						NULL, FIRST_LONG + i};
		if (option->letter) {
			*letter++ = option->letter;
		}
		if (option->letter && option->argument) {
			*letter++ = ':';
		}
	}
	ret->longs[i] = (struct option){"help", no_argument, NULL, 'h'};
	ret->longs[i + 1] = (struct option){0};
	*letter++ = 'h';
	*letter = 0;
}

static const struct ap_option *row_of(const struct ap_verb *verb, int value)
{
	if (value >= FIRST_LONG) {
		return &verb->options[value - FIRST_LONG];
	}
	for (const struct ap_option *option = verb->options; option->name; option++) {
		if (option->letter == value) {
			return option;
		}
	}
	return NULL;
}

int ap_options_parse(const struct ap_verb *verb, int argc, char **argv, void *into, int *ret_status)
{
	struct getopt_tables tables;
	char called[64];
	int value;

	snprintf(called, sizeof(called), "autoprof %s", verb->name);
	argv[0] = called; /* getopt() complains in this name */
	make_tables(verb, &tables);
	optind = 0;
	while ((value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct ap_option *option = row_of(verb, value);
		if (value == 'h') {
			ap_options_help(verb);
			*ret_status = AP_EXIT_OK;
			return -1;
		}
		*ret_status = verb->trouble;
		if (!option) {
			fprintf(stderr, "try 'autoprof %s --help'\n", verb->name);
			return -1;
		}
		if (set(option, optarg, into) < 0) {
			complain_of_value(option, optarg);
			return -1;
		}
	}
	return optind;
}
