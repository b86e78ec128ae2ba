/* SPDX-License-Identifier: MIT */
/* tests/model/world.h - a program, its signals and its death, around one machine.
 *
 * The program calls and returns; after any store of the machine the plan may let something happen: a
 * handler with calls of its own, a longjmp, a fork, a kill. The world keeps the true stack. */
#ifndef AP_TESTS_MODEL_WORLD_H
#define AP_TESTS_MODEL_WORLD_H

#include <setjmp.h>

#include "tests/model/oracle.h"

enum happening {
	HAPPEN_NOTHING,
	HAPPEN_CALL,  /* a handler that makes one call */
	HAPPEN_CALLS, /* a handler that makes two, one inside the other */
	HAPPEN_JUMP_NEAR, /* a handler that calls, and jumps from there to the interrupted function's caller */
	HAPPEN_JUMP_OUT,    /* a handler that jumps to the outermost level */
	HAPPEN_FORK_PARENT, /* a handler that forks: life of the parent */
	HAPPEN_FORK_CHILD,  /* the same: life of the child */
	HAPPEN_DIE,	    /* whoever is at it was a vfork child and is dead; its parent goes on */
	HAPPEN_BUSY,	    /* another thread holds the shard for a while */
	HAPPEN_KILL,	    /* SIGKILL: a reader takes over */
	HAPPENINGS,
};

struct plan_entry {
	uint32_t step; /* of those counted since world_arm() */
	enum happening what;
};

#define PLAN_MOST 2u
#define WORLD_DEPTH 64u
#define WORLD_RUNNERS 8u

struct runner {
	jmp_buf landing;
	uint32_t base;	/* depth of the true stack below it */
	uint64_t floor; /* stack pointer where it begins */
};

struct world {
	struct machine_config config;
	struct machine machine;
	struct oracle *oracle;
	struct machine_observer observer;
	uint32_t stack[WORLD_DEPTH]; /* calls that really are open */
	uint32_t depth;
	struct runner runners[WORLD_RUNNERS];
	uint32_t runners_n;
	uint64_t hook_sp;   /* stack pointer of the hook at work */
	uint64_t unwinding; /* a jump to there is being recorded */
	bool armed;
	uint32_t steps;
	struct plan_entry plan[PLAN_MOST];
	uint32_t plan_n, plan_at;
	uint64_t random; /* state; 0: nothing but the plan */
	uint32_t rarity; /* something happens once in so many steps */
	bool tracing;
	struct oracle_doubt doubt;
	uint32_t happened;
	const char *wrong; /* found on the way */
	jmp_buf end;
};

/** world_start() - before the first event. @seed: 0, or random happenings once in @rarity steps. */
void world_start(struct world *world, const struct machine_config *config, uint64_t seed,
		 uint32_t rarity);
/** world_random() - the next number of the seeded sequence. */
uint32_t world_random(struct world *world);

typedef void world_program(struct world *world, void *argument);
/** world_run() - run to the end, whatever it is, and check. Return: NULL, or what is wrong. */
const char *world_run(struct world *world, world_program *program, void *argument);

/* For programs. A jump may land at world_land(): setjmp's contract, so it must be the caller's own. */
#define world_land(world) setjmp((world)->runners[0].landing)
void world_enter(struct world *world, uint32_t function);
void world_exit(struct world *world);
void world_work(struct world *world, uint32_t ticks);

#endif
