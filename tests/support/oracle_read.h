/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_read.h - from the oracle's logs to calls, edges and paths. */
#ifndef AP_TESTS_SUPPORT_ORACLE_READ_H
#define AP_TESTS_SUPPORT_ORACLE_READ_H

#include "tests/support/call_tree.h"
#include "tests/support/oracle_modules.h"

/* Longest path; calls from below it have the parent "(deeper)". Direct recursion makes no path longer. */
#define ORACLE_MAX_DEPTH 256u

/** One process as the oracle saw it; functions are numbers into `addresses`. */
struct oracle_run {
	int pid;
	uint64_t events;    /* enters and exits */
	uint64_t threads;   /* with events */
	uint64_t unmatched; /* exits of functions that were not open */
	uint64_t unclosed;  /* calls left by the exit of an outer one */
	uint64_t unwound;   /* calls left by longjmp or an exception, without an exit */
	uint64_t open;	    /* calls still open at the end */
	size_t deepest;	    /* most calls open at once in a thread */

	struct number_map function_of_address;
	uint64_t *addresses; /* by function; from NAME_FIRST on */
	size_t functions_n;
	struct calls calls; /* names are functions */
	struct oracle_modules modules;
};

/** oracle_read() - read the logs of process @pid (0: the only one with events) from @directory.
 * Return: 0, or -1 after a message. Clear it in both cases. */
int oracle_read(struct oracle_run *run, const char *directory, int pid);
void oracle_run_clear(struct oracle_run *run);

/** How functions become names: by address in the file, or where only that is known by name. */
enum oracle_naming {
	ORACLE_BY_OFFSET,
	ORACLE_BY_NAME,
};

/** oracle_name_calls() - the run's calls over @names; functions of the same name add up. */
void oracle_name_calls(const struct oracle_run *run, enum oracle_naming naming, struct names *names,
		       struct calls *ret);
/** oracle_key_offset(), oracle_key_name() - keys of functions in names. */
void oracle_key_offset(char *key, size_t size, const char *module, uint64_t offset);
void oracle_key_name(char *key, size_t size, const char *module, const char *name);

#endif
