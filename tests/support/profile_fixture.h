/* SPDX-License-Identifier: MIT */
/* tests/support/profile_fixture.h - one spool with one thread, its pending events, and the model of it. */
#ifndef AP_TESTS_SUPPORT_PROFILE_FIXTURE_H
#define AP_TESTS_SUPPORT_PROFILE_FIXTURE_H

#include "profile/profile.h"
#include "tests/support/ap_check.h"
#include "tests/support/spool_builder.h"

/* Functions A, B and C lie in the only module. Times of events count from T0. */
#define A 0x401000ull
#define B 0x402000ull
#define C 0x403000ull
#define T0 (AP_BUILDER_START + 1000)
#define SP AP_BUILDER_STACK

extern struct ap_builder *b;
extern struct ap_profile *p; /* of the last ap_fixture_read() */
extern uint32_t thread;

void ap_fixture_setup(void);
void ap_fixture_teardown(void);

/** ap_fixture_read() - the model of the spool as it is now; checks what holds for all, and the identity. */
const struct ap_profile *ap_fixture_read(void);

/** ap_fixture_down() - the stack pointer so many frames down. */
uint64_t ap_fixture_down(unsigned frames);
void ap_fixture_enter(uint64_t function, uint64_t at, unsigned depth);
void ap_fixture_exit(uint64_t function, uint64_t at, unsigned depth);
/** ap_fixture_node() - a spool's node of the function at @address, called from the root. */
uint32_t ap_fixture_node(uint64_t address);

/** ap_fixture_function() - the only function at @address in the model. */
const struct ap_profile_function *ap_fixture_function(uint64_t address);
/** ap_fixture_expect() - check its calls and times. */
void ap_fixture_expect(uint64_t address, uint64_t calls, uint64_t total, uint64_t self);

#endif
