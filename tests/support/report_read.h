/* SPDX-License-Identifier: MIT */
/* tests/support/report_read.h - from a JSON report to the calls, edges and paths that it claims. */
#ifndef AP_TESTS_SUPPORT_REPORT_READ_H
#define AP_TESTS_SUPPORT_REPORT_READ_H

#include "tests/support/call_tree.h"
#include "tests/support/oracle_read.h"

struct report_claims {
	enum oracle_naming naming;	      /* by offset when every function has "offset" */
	long long attempted, specials, folds; /* -1: not in the report */
	long long dropped;
	int identity_holds; /* -1: not in the report */
	size_t misnamed;    /* functions whose name is none of the symbols at their address */
	struct calls calls;
};

/** report_read() - read @path; @run names the process's modules. Return: 0, or -1 after a message. */
int report_read(struct report_claims *claims, const char *path, const struct oracle_run *run,
		struct names *names);
void report_claims_clear(struct report_claims *claims);

#endif
