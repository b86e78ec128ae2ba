/* SPDX-License-Identifier: MIT */
/* tests/model/test-fibers-real.c - the runtime's own rings, folds and fibers beside an obviously right account.
 *
 * One thread records random calls, returns, jumps, switches to other stacks and ends of those; the account is a list of
 * open calls for each stack and a count for each path. Every now and then, folded up to there or not, the spool is read
 * by profile/ as if the process were dead: calls of every path and the open ones must be those of the account.
 * Rounds go on from one another; AP_TEST_SEED=N begins with another one than the first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile.h"
#include "runtime/runtime.h"
#include "tests/support/ap_check.h"

#define ROUNDS 400u
#define STEPS 600u
#define STACKS 6u /* 0: the thread's own; odd ones are known by their range, even ones by a key */
#define FUNCTIONS 3u
#define DEEPEST 5u
#define PATHS 512u
#define STACK_BYTES 16384u

static uint64_t random_state;

static uint32_t at_random(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* --- the account --------------------------------------------------------------------------------------- */

static struct {
	uint32_t depth[STACKS];
	uint64_t key[STACKS][DEEPEST + 1]; /* of the path: four bits a function, outermost first */
	uint32_t now;
	uint64_t keys[PATHS], calls[PATHS];
	uint32_t paths;
	uint64_t unclosed;
} account;

static uint64_t *calls_of(uint64_t key)
{
	uint32_t i = 0;
	while (i < account.paths && account.keys[i] != key)
		i++;
	if (i == account.paths) {
		ck_assert_uint_lt(i, PATHS);
		account.paths++;
		account.keys[i] = key;
		account.calls[i] = 0;
	}
	return &account.calls[i];
}

/* A function that calls itself directly stays in its node. */
static void enter_account(uint32_t function)
{
	const uint32_t depth = account.depth[account.now]++;
	const uint64_t above = account.key[account.now][depth];
	const uint64_t key = (above & 15) == function + 1 ? above : above << 4 | (function + 1);
	account.key[account.now][depth + 1] = key;
	++*calls_of(key);
}

/* --- what is recorded ---------------------------------------------------------------------------------- */

static uint64_t address_of(uint32_t function)
{
	return 0x10000000u + 0x100u * function;
}

static uint64_t start_of(uint32_t stack)
{
	return stack ? 0x7fff00000000u + (uint64_t)stack * STACK_BYTES : 0x7ffff0000000u;
}

static uint64_t stack_pointer(uint32_t stack, uint32_t depth)
{
	return start_of(stack) + STACK_BYTES - 64 - 64 * (uint64_t)depth;
}

static void record(enum ap_event_kind kind, uint32_t function, uint32_t depth)
{
	const uint64_t sp = stack_pointer(account.now, depth);
	ap_record(ap_event_make_word(address_of(function), kind, 0, sp, depth),
		  ap_event_make_time(ap_ticks(), sp));
}

static void enter(void)
{
	const uint32_t function = at_random(FUNCTIONS);
	if (account.depth[account.now] == DEEPEST)
		return;
	record(AP_EVENT_ENTER, function, account.depth[account.now] + 1);
	enter_account(function);
}

static void leave(void)
{
	const uint32_t depth = account.depth[account.now];
	if (!depth)
		return;
	record(AP_EVENT_EXIT, (uint32_t)(account.key[account.now][depth] & 15) - 1, depth);
	account.depth[account.now]--;
}

/* To a call that is open, which goes on. */
static void jump(void)
{
	const uint32_t depth = account.depth[account.now];
	if (!depth)
		return;
	const uint32_t target = 1 + at_random(depth);
	ap_record_special(AP_SPECIAL_UNWIND, stack_pointer(account.now, target) >> 4);
	account.unclosed += depth - target;
	account.depth[account.now] = target;
}

static void switch_stack(void)
{
	const uint32_t to = at_random(STACKS);
	if (to % 2)
		ap_fiber_switch(ap_fiber_of_stack(stack_pointer(to, at_random(DEEPEST))));
	else
		ap_fiber_switch_to_key(to);
	account.now = to;
}

static void end_stack(void)
{
	const uint32_t over = 1 + at_random(STACKS - 1);
	if (over == account.now)
		return;
	if (over % 2)
		ap_fiber_made(start_of(over), STACK_BYTES);
	else
		ap_fiber_end_key(over);
	account.unclosed += account.depth[over];
	account.depth[over] = 0;
}

static void step(void)
{
	const uint32_t what = at_random(100);
	if (what < 45)
		enter();
	else if (what < 80)
		leave();
	else if (what < 83)
		jump();
	else if (what < 97)
		switch_stack();
	else if (what < 98)
		end_stack();
	else
		ap_flush(false);
}

/* --- comparison ---------------------------------------------------------------------------------------- */

static uint64_t key_of(const struct ap_profile *p, uint32_t node)
{
	const uint64_t address = p->functions[p->nodes[node].function].address;
	return address ? key_of(p, p->nodes[node].parent) << 4 |
				 ((address - address_of(0)) / 0x100 + 1)
		       : 0;
}

static void compare(uint64_t seed)
{
	const struct ap_control *c = ap_runtime.control;
	struct ap_profile_error error;
	struct ap_profile *p = NULL;
	uint64_t open = 0, accounted = 0, paths = 0;
	ck_assert_msg(ap_profile_parse(c->base, c->header->alloc_next, NULL, &p, &error) == 0, "%s",
		      error.text);
	ck_assert_msg(p->quality.identity_holds && p->quality.in_doubt == 0, "seed %lu: identity",
		      seed);
	for (uint32_t i = AP_ID_FIRST; i < p->nodes_n; i++) {
		if (!p->nodes[i].calls)
			continue;
		ck_assert_msg(p->nodes[i].calls == *calls_of(key_of(p, i)),
			      "seed %lu: path %lx: %lu calls, %lu made", seed, key_of(p, i),
			      p->nodes[i].calls, *calls_of(key_of(p, i)));
		open += p->nodes[i].open_calls;
		paths++;
	}
	for (uint32_t i = 0; i < STACKS; i++)
		accounted += account.depth[i];
	ck_assert_msg(open == accounted, "seed %lu: %lu calls open, not %lu", seed, open,
		      accounted);
	ck_assert_msg(paths == account.paths, "seed %lu: %lu paths, not %u", seed, paths,
		      account.paths);
	ck_assert_msg(p->quality.unclosed_frames == account.unclosed, "seed %lu: unclosed", seed);
	ck_assert_uint_eq(p->quality.unmatched_exits + p->quality.resyncs + p->quality.beyond, 0);
	ap_profile_free(p);
}

static void play(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15u;
	for (uint32_t i = 0; i < STEPS; i++)
		step();
	compare(seed);
}

START_TEST(every_path_has_its_calls_whatever_stack_they_are_on)
{
	const char *one = getenv("AP_TEST_SEED");
	const uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	ck_assert_msg(ap_runtime.control && ap_runtime.control->base, "the runtime is not on");
	for (uint32_t i = 1; i < STACKS; i += 2)
		ap_fiber_made(start_of(i), STACK_BYTES);
	for (uint64_t seed = first; seed < first + ROUNDS; seed++)
		play(seed);
	unlink(ap_runtime.spool_path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fibers-real");
	TCase *tc = tcase_create("fibers-real");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_path_has_its_calls_whatever_stack_they_are_on);
	suite_add_tcase(suite, tc);
	setenv("CK_FORK", "no", 1); /* the runtime would begin anew in a child */
	return ap_check_main(suite);
}
