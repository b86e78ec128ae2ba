/* SPDX-License-Identifier: MIT */
/* tests/support/report_fixture.h - profiles and names made in memory: for the tests of findings and
 * writers.
 *
 * A fresh fixture is a healthy process that recorded nothing: /usr/bin/demo, pid 4242, 2 s long,
 * 0.5 s of CPU on 2 cores, 10 MiB of 1 GiB. Tests change what they are about; everything in
 * `profile` may be written to. */
#ifndef AP_TESTS_SUPPORT_REPORT_FIXTURE_H
#define AP_TESTS_SUPPORT_REPORT_FIXTURE_H

#include "report/report.h"

#define FIXTURE_FUNCTIONS 600
#define FIXTURE_NODES 700
#define FIXTURE_THREADS 16
#define FIXTURE_OPEN 400
#define FIXTURE_PROCESSES 64

struct report_fixture {
	struct ap_profile profile;
	struct ap_profile_function functions[FIXTURE_FUNCTIONS];
	struct ap_symbol symbols[FIXTURE_FUNCTIONS];
	struct ap_profile_node nodes[FIXTURE_NODES];
	struct ap_profile_module modules[1]; /* "/usr/bin/demo", bias 0x10000 */
	struct ap_profile_thread threads[FIXTURE_THREADS];
	struct ap_profile_open_call open[FIXTURE_THREADS][FIXTURE_OPEN];
	struct ap_profile_process_row processes[FIXTURE_PROCESSES];
	struct ap_report *report;
};

void report_fixture_init(struct report_fixture *fx);
void report_fixture_clear(struct report_fixture *fx);

/** report_fixture_function() - a function at 0x11000, 0x12000, ... Strings are borrowed; @file may
 * be NULL.
 * Return: its id. */
uint32_t report_fixture_function(struct report_fixture *fx, const char *name, const char *file,
				 int line);
/** report_fixture_calls() - @n timed calls of @ns each, all of it their own time. */
void report_fixture_calls(struct report_fixture *fx, uint32_t function, uint64_t n, uint64_t ns);
/** report_fixture_node() - a path. Return: its id. */
uint32_t report_fixture_node(struct report_fixture *fx, uint32_t parent, uint32_t function,
			     uint64_t calls, uint64_t total_ns);
struct ap_profile_thread *report_fixture_thread(struct report_fixture *fx, uint32_t tid,
						const char *name);
void report_fixture_open(struct report_fixture *fx, struct ap_profile_thread *thread,
			 uint32_t function, uint64_t age_ns);

/** report_fixture_process() - a row of the table of processes, which ended well after 1 s. @exe is
 * borrowed. Return: it. */
struct ap_profile_process_row *report_fixture_process(struct report_fixture *fx, uint32_t pid,
						      int32_t parent, const char *exe);
/** report_fixture_tree() - busy, and a merged profile of four processes, one of which goes on. */
void report_fixture_tree(struct report_fixture *fx);

/** report_fixture_busy() - make it a program with everything that a report can tell. */
void report_fixture_busy(struct report_fixture *fx);
/** report_fixture_hostile() - the same, with names that try to break out of each sink. */
#define FIXTURE_NAMES 8
extern const char *const report_fixture_names[FIXTURE_NAMES]; /* [3] is no UTF-8 */
void report_fixture_hostile(struct report_fixture *fx);

/** report_fixture_build() - the report of what is there now; owned by the fixture, valid until the
 * next. */
const struct ap_report *report_fixture_build(struct report_fixture *fx);
/** report_fixture_finding() - build, and find the first finding of @rule; NULL when there is none.
 * */
const struct ap_finding *report_fixture_finding(struct report_fixture *fx, const char *rule);
/** report_fixture_write() - build and write: returns new text. @ret_status: of the writer; NULL: it
 * must be 0. */
char *report_fixture_write(struct report_fixture *fx, const struct ap_writer *writer,
			   const struct ap_report_options *options, int *ret_status);

#endif
