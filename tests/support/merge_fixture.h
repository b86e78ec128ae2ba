/* SPDX-License-Identifier: MIT */
/* tests/support/merge_fixture.h - profiles of small processes, and what becomes of them when they are merged. */
#ifndef AP_TESTS_SUPPORT_MERGE_FIXTURE_H
#define AP_TESTS_SUPPORT_MERGE_FIXTURE_H

#include "profile/merge.h"
#include "tests/support/spool_builder.h"

#define START 1700000000000000000ull /* unix time when the first began */
/* Where the program may be loaded, and its functions in it: OUTER calls INNER. */
#define LOW 0x400000ull
#define HIGH 0x7f1200000000ull
#define OUTER 0x1000u
#define INNER 0x2000u
#define MERGE_FIXTURE_MOST 8

/* A process in the making: its program calls OUTER, which calls INNER. */
struct merge_fixture_process {
	struct ap_builder *b;
	uint32_t shard, thread, outer, inner;
	uint64_t events;
};

extern struct ap_profile *profiles[MERGE_FIXTURE_MOST]; /* made so far */
extern size_t profiles_n;
extern struct ap_profile *merged; /* by merge_fixture_all(), or by the test; freed at its end */

void merge_fixture_setup(void);
void merge_fixture_teardown(void);

/** merge_fixture_begin() - a process that began so much after START. @build_id: 0: the program has none. */
struct merge_fixture_process merge_fixture_begin(uint32_t pid, uint64_t after_ns, uint64_t bias,
						 uint8_t build_id);
/** merge_fixture_call() - one call of OUTER with @n calls of INNER, each of @ns; its own are 500 ns. */
void merge_fixture_call(struct merge_fixture_process *p, unsigned n, uint64_t ns);
/** merge_fixture_end() - its profile, appended to `profiles`. */
struct ap_profile *merge_fixture_end(struct merge_fixture_process *p);
/** merge_fixture_process() - all three, with one call. */
struct ap_profile *merge_fixture_process(uint32_t pid, uint64_t after_ns, uint64_t bias, unsigned n,
					 uint64_t ns);
/** merge_fixture_three() - processes 10 (first), 11 (last) and 12, which runs another program. */
void merge_fixture_three(void);
/** merge_fixture_forked() - process 11, which 10 forked inside OUTER, and which called INNER 4 times there. */
void merge_fixture_forked(void);

/** merge_fixture_in() - the profiles merged in the order that the digits of @order say. Returns new. */
struct ap_profile *merge_fixture_in(const char *order, uint32_t root,
				    const struct ap_merge_end *how);
/** merge_fixture_all() - all of them into `merged`. */
void merge_fixture_all(void);

/** merge_fixture_function() - the only function at @address. */
const struct ap_profile_function *merge_fixture_function(const struct ap_profile *p,
							 uint64_t address);
/** merge_fixture_facts() - what a merged profile says, ids aside. Returns new. */
char *merge_fixture_facts(const struct ap_profile *p);

#endif
