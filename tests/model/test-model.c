/* SPDX-License-Identifier: MIT */
/* tests/model/test-model.c - the recording algorithm against everything that may interrupt it. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/world.h"
#include "tests/support/ap_check.h"

/* --- programs -------------------------------------------------------------------------------------- */

#define SCRIPT_MOST 16
/* What is done: enter function 0 or 1, or exit. */
struct script {
	uint32_t before; /* events that nothing interrupts: where in the ring the others fall */
	uint32_t n;
	uint8_t steps[SCRIPT_MOST];
	uint32_t after;	      /* calls at the end */
	volatile uint32_t at; /* survives jumps */
};
enum { STEP_ENTER_0, STEP_ENTER_1, STEP_EXIT, STEPS };

static void do_step(struct world *w, uint32_t step)
{
	if (step != STEP_EXIT)
		world_enter(w, step);
	else if (w->depth)
		world_exit(w);
	world_work(w, 7);
}

static void run_script(struct world *w, void *argument)
{
	struct script *s = argument;
	for (uint32_t i = 0; i < s->before; i++)
		do_step(w, i % 3 == 2 ? STEP_EXIT : STEP_ENTER_0);
	w->armed = true;
	s->at = 0;
	(void)world_land(w);
	while (s->at < s->n)
		do_step(w, s->steps[s->at++]);
	w->armed = false;
	while (w->depth)
		world_exit(w);
	for (uint32_t i = 0; i < s->after; i++) {
		world_enter(w, i & 1);
		world_exit(w);
	}
}

struct random_program {
	uint32_t events;
	volatile uint32_t at;
};

static void run_random(struct world *w, void *argument)
{
	struct random_program *p = argument;
	w->armed = true;
	p->at = 0;
	(void)world_land(w);
	while (p->at < p->events) {
		p->at++;
		const uint32_t r = world_random(w);
		if (w->depth && (w->depth >= 4 || r % 2))
			world_exit(w);
		else
			world_enter(w, r / 2 % 2);
		world_work(w, r / 16 % 64);
	}
}

/* --- exhaustive ------------------------------------------------------------------------------------ */

static struct world world;
static unsigned long runs;

static const char *try_script(const struct machine_config *config, struct script *script,
			      const struct plan_entry *plan, uint32_t plan_n, bool tracing)
{
	runs++;
	world_start(&world, config, 0, 0);
	world.tracing = tracing;
	world.plan_n = plan_n;
	for (uint32_t i = 0; i < plan_n; i++)
		world.plan[i] = plan[i];
	return world_run(&world, run_script, script);
}

static void tell(const struct machine_config *config, struct script *script,
		 const struct plan_entry *plan, uint32_t plan_n, const char *wrong)
{
	fprintf(stderr, "%s: slots %u..%u chunks %u open %d; before %u, steps %u %u %u;", wrong,
		config->slots, config->slots_most, config->chunks, config->signals_open,
		script->before, script->steps[0], script->steps[1], script->steps[2]);
	for (uint32_t i = 0; i < plan_n; i++)
		fprintf(stderr, " %u at %u", plan[i].what, plan[i].step);
	fprintf(stderr, "\n");
	try_script(config, script, plan, plan_n, true);
}

/* One thing, then a second after every later store. Return: what is wrong, or NULL. */
static const char *try_plans(const struct machine_config *config, struct script *script, bool twice,
			     bool quiet)
{
	struct plan_entry plan[PLAN_MOST];
	const char *wrong = try_script(config, script, plan, 0, false);
	const uint32_t steps = world.steps;

	for (uint32_t i = 0; !wrong && i < steps * HAPPENINGS; i++) {
		plan[0] = (struct plan_entry){i / HAPPENINGS, (enum happening)(i % HAPPENINGS)};
		wrong = try_script(config, script, plan, 1, false);
		const uint32_t more = (world.steps - plan[0].step) * HAPPENINGS;
		if (wrong && !quiet)
			tell(config, script, plan, 1, wrong);
		for (uint32_t j = HAPPENINGS; twice && world.happened && !wrong && j < more; j++) {
			plan[1] = (struct plan_entry){plan[0].step + j / HAPPENINGS,
						      (enum happening)(j % HAPPENINGS)};
			if (plan[1].what == HAPPEN_NOTHING)
				continue;
			wrong = try_script(config, script, plan, 2, false);
			if (wrong && !quiet)
				tell(config, script, plan, 2, wrong);
		}
	}
	return wrong;
}

/* @once: of two programs that differ by the names of the functions, one is enough. */
static bool possible(const struct script *s, bool once)
{
	int depth = 0;
	if (once && s->steps[0] == STEP_ENTER_1)
		return false;
	for (uint32_t i = 0; i < s->before; i++)
		depth += i % 3 == 2 ? -1 : 1;
	for (uint32_t i = 0; i < s->n; i++) {
		depth += s->steps[i] == STEP_EXIT ? -1 : 1;
		if (depth < 0)
			return false;
	}
	return true;
}

struct extent {
	uint32_t before_most;
	bool twice;
	bool quiet;
};

/* Three rings: of one size, growing, and short of memory. */
static struct machine_config config_of(uint32_t slots, uint32_t flaws, bool open, uint32_t variant)
{
	return (struct machine_config){
		.slots = slots,
		.slots_most = variant == 1 ? slots * 2 : slots,
		.chunks = variant == 2 ? 2 : MACHINE_CHUNKS_MOST,
		.signals_open = open,
		.flaws = flaws,
	};
}

static struct script script_of(uint32_t before, uint32_t program)
{
	return (struct script){
		.before = before,
		.n = 3,
		.steps = {(uint8_t)(program % STEPS), (uint8_t)(program / STEPS % STEPS),
			  (uint8_t)(program / STEPS / STEPS)},
		.after = 3,
	};
}

static const char *try_all(uint32_t slots, uint32_t flaws, bool open, struct extent extent)
{
	const uint32_t variants = extent.twice ? 1 : 3;
	const char *wrong = NULL;
	for (uint32_t i = 0; !wrong && i < (extent.before_most + 1) * STEPS * STEPS * STEPS; i++) {
		struct script script =
			script_of(i / (STEPS * STEPS * STEPS), i % (STEPS * STEPS * STEPS));
		for (uint32_t variant = 0; !wrong && variant < variants; variant++) {
			const struct machine_config config = config_of(slots, flaws, open, variant);
			if (possible(&script, extent.twice))
				wrong = try_plans(&config, &script, extent.twice, extent.quiet);
		}
	}
	return wrong;
}

START_TEST(one_thing_after_every_store_of_every_program_of_three_events)
{
	const uint32_t slots = (uint32_t)_i;
	const struct extent extent = {.before_most = slots + 2};
	ck_assert_ptr_null(try_all(slots, 0, false, extent));
	ck_assert_ptr_null(try_all(slots, 0, true, extent));
	ck_assert_uint_gt(runs, 400000);
}
END_TEST

START_TEST(two_things_after_every_two_stores)
{
	const struct extent extent = {.before_most = _i == 3, .twice = true};
	ck_assert_ptr_null(try_all((uint32_t)_i, 0, false, extent));
	ck_assert_uint_gt(runs, 500000);
}
END_TEST

/* --- random ---------------------------------------------------------------------------------------- */

static const char *try_random(uint64_t seed, uint32_t flaws, bool tracing)
{
	struct random_program program;
	uint64_t r = seed * 0x9e3779b97f4a7c15ull | 1;
	const struct machine_config config = {
		.slots = 2 + (uint32_t)(r >> 20) % 5,
		.slots_most = 2 + (uint32_t)(r >> 26) % 15,
		.chunks = (r >> 32) % 4 ? MACHINE_CHUNKS_MOST : 2 + (uint32_t)(r >> 34) % 3,
		.flaws = flaws,
	};
	program.events = 1 + (uint32_t)(r >> 44) % 200;
	world_start(&world, &config, r, 8u << (r >> 54) % 6);
	world.tracing = tracing;
	return world_run(&world, run_random, &program);
}

#define RANDOM_RUNS 200000u

START_TEST(random_programs_with_many_interruptions)
{
	unsigned exact = 0;
	for (uint64_t seed = 1; seed <= RANDOM_RUNS; seed++) {
		const char *wrong = try_random(seed, 0, false);
		if (wrong)
			try_random(seed, 0, true);
		ck_assert_msg(!wrong, "seed %lu: %s", (unsigned long)seed, wrong);
		exact += !world.doubt.calls && !world.oracle->late && !world.oracle->dropped &&
			 !world.oracle->forked;
	}
	ck_assert_uint_gt(exact, RANDOM_RUNS / 3);
}
END_TEST

/* --- mutants --------------------------------------------------------------------------------------- */

static bool caught(uint32_t flaw)
{
	const struct extent twice = {.before_most = 1, .twice = true, .quiet = true};
	for (uint64_t seed = 1; seed < 20000; seed++) {
		if (try_random(seed, flaw, false))
			return true;
	}
	if (try_all(3, flaw, false, twice))
		return true;
	for (uint32_t slots = 2; slots <= 4; slots++) {
		const struct extent once = {.before_most = slots + 2, .quiet = true};
		if (try_all(slots, flaw, true, once))
			return true;
	}
	return false;
}

START_TEST(every_seeded_flaw_is_caught)
{
	ck_assert_msg(caught(1u << _i), "flaw %x passes", 1u << _i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, one_thing_after_every_store_of_every_program_of_three_events, 2, 5);
	tcase_add_loop_test(tc, two_things_after_every_two_stores, 2, 5);
	tcase_add_test(tc, random_programs_with_many_interruptions);
	tcase_add_loop_test(tc, every_seeded_flaw_is_caught, 0, FLAWS);
	suite_add_tcase(suite, tc);
	return ap_check_main(suite);
}
