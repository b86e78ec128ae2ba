/* SPDX-License-Identifier: MIT */
/* tests/torture/chaos_engine.c - decides what the random program does next, and keeps the truth. Not instrumented.
 *
 * usage: chaos SEED TRUTH [calls=N] [threads=N] [fibers=N] [alternate=PAGES] [without=jump,throw,signal,...]
 *
 * alternate: pages from the thread's own stack to its alternate one, modulo 8 MiB
 * TRUTH: lines "N name;name;name", calls of a path from its root. Direct recursion stays in its path. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "chaos.h"

#define LEVELS 64
#define NODES (1 << 19)
#define FIBERS_MAX 1000
#define THREADS_MAX 64
#define ALTERNATE_BYTES (512u << 10)
#define FIBER_BYTES (256u << 10)

struct node {
	const char *name;
	unsigned parent, first_child, sibling;
	unsigned long calls;
};

struct frame {
	unsigned node;
	bool quiet, handler, catches;
	int turns;
	sigjmp_buf *buffer;
};

/* The open calls of one stack. */
struct calls {
	struct frame frames[LEVELS + 8];
	int depth;
	ucontext_t context;
	bool done;
};

struct chaos_walk {
	uint64_t random;
	long left;
	struct node *nodes;
	unsigned nodes_n;
	struct calls *now, *fibers; /* fibers[0]: the thread's own stack */
	int fibers_n;
	pthread_t thread;
};

static struct options {
	uint64_t seed;
	const char *truth, *without;
	long calls;
	int threads, fibers, alternate;
} options = {.alternate = -1, .calls = 20000, .threads = 1, .without = ""};

static __thread struct chaos_walk *self;
static chaos_fn *functions[128];
static unsigned functions_n;

struct chaos_walk *chaos_self(void)
{
	return self;
}

static void fault(const char *what)
{
	fprintf(stderr, "chaos: the program itself is wrong: %s\n", what);
	abort();
}

unsigned chaos_random(struct chaos_walk *walk, unsigned below)
{
	walk->random = walk->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(walk->random >> 33) % below;
}

static bool allowed(const char *what)
{
	return !strstr(options.without, what);
}

/* --- the truth -------------------------------------------------------------------------------------- */

static struct frame *top(struct chaos_walk *walk)
{
	return &walk->now->frames[walk->now->depth - 1];
}

static unsigned child(struct chaos_walk *walk, unsigned parent, const char *name)
{
	struct node *nodes = walk->nodes;
	if (parent && strcmp(nodes[parent].name, name) == 0)
		return parent;
	for (unsigned i = nodes[parent].first_child; i; i = nodes[i].sibling) {
		if (strcmp(nodes[i].name, name) == 0)
			return i;
	}
	if (walk->nodes_n == NODES)
		fault("too many paths");
	nodes[walk->nodes_n] =
		(struct node){.name = name, .parent = parent, .sibling = nodes[parent].first_child};
	return nodes[parent].first_child = walk->nodes_n++;
}

static struct frame *push(struct chaos_walk *walk)
{
	struct calls *calls = walk->now;
	const unsigned parent = calls->depth ? top(walk)->node : 0;
	struct frame *frame = &calls->frames[calls->depth++];
	if (calls->depth > LEVELS + 7)
		fault("too deep");
	*frame = (struct frame){.node = parent};
	frame->turns = 1 + (int)chaos_random(walk, calls->depth < 8 ? 12 : 4);
	return frame;
}

int chaos_enter(struct chaos_walk *walk, const char *name)
{
	struct frame *frame = push(walk);
	frame->node = child(walk, frame->node, name);
	walk->nodes[frame->node].calls++;
	walk->left--;
	return walk->now->depth - 1;
}

int chaos_enter_quiet(struct chaos_walk *walk)
{
	push(walk)->quiet = true;
	return walk->now->depth - 1;
}

int chaos_enter_handler(struct chaos_walk *walk, const char *name)
{
	const int level = chaos_enter(walk, name);
	top(walk)->handler = true;
	return level;
}

/* The frames above @level are as they were: who unwinds has only shortened the stack. */
int chaos_enter_at(struct chaos_walk *walk, const char *name, int level)
{
	const int depth = walk->now->depth;
	const unsigned node = child(walk, walk->now->frames[level].node, name);
	walk->nodes[node].calls++;
	walk->left--;
	return depth;
}

void chaos_leave_at(struct chaos_walk *walk, int depth)
{
	if (walk->now->depth != depth)
		fault("a destructor did more than it should");
}

void chaos_leave(struct chaos_walk *walk, const char *name)
{
	const struct frame *frame = top(walk);
	if (walk->now->depth == 0 ||
	    (frame->quiet ? name[0] : strcmp(walk->nodes[frame->node].name, name)))
		fault("another call leaves than entered");
	walk->now->depth--;
}

void chaos_aim(struct chaos_walk *walk, sigjmp_buf *buffer)
{
	top(walk)->buffer = buffer;
}

void chaos_catches(struct chaos_walk *walk)
{
	top(walk)->catches = true;
}

/* --- what happens next ------------------------------------------------------------------------------- */

bool chaos_turn(struct chaos_walk *walk)
{
	struct frame *frame = top(walk);
	if (walk->left <= 0)
		return false;
	if (frame == walk->now->frames)
		return true; /* the bottom goes on until all calls are made */
	return walk->now->depth < LEVELS && frame->turns-- > 0;
}

static int barrier(const struct chaos_walk *walk)
{
	int at = walk->now->depth - 1;
	while (at > 0 && !walk->now->frames[at].handler)
		at--;
	return at;
}

/* A random one of the live frames that can be reached this way; -1: there is none. */
static int find_level(struct chaos_walk *walk, bool jump)
{
	int found = -1, seen = 0;
	for (int i = jump ? 0 : barrier(walk); i < walk->now->depth; i++) {
		const struct frame *frame = &walk->now->frames[i];
		if (jump ? frame->buffer != NULL : frame->catches)
			found = chaos_random(walk, (unsigned)++seen) == 0 ? i : found;
	}
	return found;
}

static __attribute__((noreturn)) void jump(struct chaos_walk *walk, int level)
{
	sigjmp_buf *buffer = walk->now->frames[level].buffer;
	walk->now->depth = level + 1;
	walk->left--;
	switch (chaos_random(walk, 3)) {
	case 0:
		siglongjmp(*buffer, 1);
	case 1:
		_longjmp(*buffer, 1);
	default:
		longjmp(*buffer, 1);
	}
}

static __attribute__((noreturn)) void throw_to(struct chaos_walk *walk, int level)
{
	walk->now->depth = level + 1;
	walk->left--;
	chaos_throw(level);
}

void chaos_away(struct chaos_walk *walk)
{
	const int catcher = allowed("throw") ? find_level(walk, false) : -1;
	if (catcher >= 0 && chaos_random(walk, 2))
		throw_to(walk, catcher);
	jump(walk, find_level(walk, true));
}

static void call(struct chaos_walk *walk)
{
	if (walk->now->depth < LEVELS)
		functions[chaos_random(walk, functions_n)](walk);
}

static void raise_one(struct chaos_walk *walk)
{
	if (walk->now->depth < LEVELS && allowed("signal"))
		pthread_kill(pthread_self(),
			     chaos_random(walk, 2) && allowed("altstack") ? SIGUSR2 : SIGUSR1);
}

static void switch_to(struct chaos_walk *walk, struct calls *to)
{
	struct calls *from = walk->now;
	if (to->done || to == from)
		return;
	walk->now = to;
	swapcontext(&from->context, &to->context);
}

/* Not out of a handler: the kernel knows which stack a handler is on, and would be deceived. */
static void change_fiber(struct chaos_walk *walk)
{
	for (int i = 0; i < walk->now->depth; i++) {
		if (walk->now->frames[i].handler)
			return;
	}
	switch_to(walk, &walk->fibers[chaos_random(walk, (unsigned)walk->fibers_n)]);
}

void chaos_act(struct chaos_walk *walk)
{
	const unsigned r = chaos_random(walk, 128);
	int level;
	if (walk->left <= 0)
		return;
	if (walk->fibers_n > 1 && r >= 96)
		change_fiber(walk);
	else if (r < 4 && allowed("jump"))
		jump(walk, find_level(walk, true));
	else if (r < 8 && allowed("throw") && (level = find_level(walk, false)) >= 0)
		throw_to(walk, level);
	else if (r < 14)
		raise_one(walk);
	else if (r < 18)
		top(walk)->turns = 0;
	else
		call(walk);
}

/* What is caught is the thread's: another stack that catches meanwhile would mix that up. */
void chaos_act_within_catch(struct chaos_walk *walk)
{
	const int level = walk->now->depth - 1;
	if (walk->fibers_n > 1)
		return;
	top(walk)->catches = false;
	chaos_act(walk);
	walk->now->frames[level].catches = true;
}

/* --- walks -------------------------------------------------------------------------------------------- */

static void fiber_entry(unsigned high, unsigned low)
{
	struct chaos_walk *walk = (struct chaos_walk *)((uintptr_t)high << 32 | low);
	struct calls *mine = walk->now;
	chaos_fiber_main(walk);
	mine->done = true;
	walk->now = &walk->fibers[0];
}

static void make_fibers(struct chaos_walk *walk, int n)
{
	walk->fibers_n = n + 1;
	walk->fibers = calloc((size_t)n + 1, sizeof *walk->fibers);
	walk->now = walk->fibers;
	for (int i = 1; i <= n; i++) {
		ucontext_t *context = &walk->fibers[i].context;
		getcontext(context);
		context->uc_stack.ss_sp = malloc(FIBER_BYTES);
		context->uc_stack.ss_size = FIBER_BYTES;
		context->uc_link = &walk->fibers[0].context;
		makecontext(context, (void (*)(void))fiber_entry, 2,
			    (unsigned)((uintptr_t)walk >> 32), (unsigned)(uintptr_t)walk);
	}
}

/* Events tell a stack pointer modulo 8 MiB; where the alternate stack lies in relation to the thread's own is the seed's
 * choice, so that a seed is the same chaos in every run. Not where the two overlap modulo 8 MiB: docs/limits.md. */
static void make_alternate(struct chaos_walk *walk)
{
	const uintptr_t period = 8u << 20, page = 4096,
			here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t own_below = 1u << 20, own_above = 256u << 10,
			free = period - own_below - own_above - ALTERNATE_BYTES;
	const uintptr_t pages =
		options.alternate >= 0
			? (uintptr_t)options.alternate
			: own_above / page + 1 + chaos_random(walk, (unsigned)(free / page) - 2);
	char *place = mmap(NULL, 2 * period + ALTERNATE_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const uintptr_t wanted = (here & ~(page - 1)) + pages * page;
	const stack_t stack = {.ss_sp = place + ((wanted - (uintptr_t)place) & (period - 1)),
			       .ss_size = ALTERNATE_BYTES};
	if (place == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
		fault("no alternate stack");
}

static void prepare(struct chaos_walk *walk, int index)
{
	walk->random = options.seed * 0x9e3779b97f4a7c15ull + (uint64_t)index;
	walk->left = options.calls;
	walk->nodes = calloc(NODES, sizeof *walk->nodes);
	walk->nodes_n = 1;
	make_fibers(walk, options.fibers);
	if (!walk->nodes || !walk->fibers)
		fault("no memory");
}

static void *walk_body(void *argument)
{
	struct chaos_walk *walk = argument;
	self = walk;
	make_alternate(walk);
	chaos_bottom(walk);
	for (int i = 1; i < walk->fibers_n; i++) {
		while (!walk->fibers[i].done)
			switch_to(walk, &walk->fibers[i]);
	}
	return NULL;
}

static void add_functions(chaos_fn *const *more)
{
	for (; *more; more++)
		functions[functions_n++] = *more;
}

static void write_path(FILE *file, const struct chaos_walk *walk, unsigned node)
{
	if (walk->nodes[node].parent) {
		write_path(file, walk, walk->nodes[node].parent);
		fputc(';', file);
	}
	fputs(walk->nodes[node].name, file);
}

static void write_truth(const struct chaos_walk *walks)
{
	FILE *file = fopen(options.truth, "w");
	if (!file)
		fault("no file for the truth");
	for (int i = 0; i < options.threads; i++) {
		for (unsigned n = 1; n < walks[i].nodes_n; n++) {
			fprintf(file, "%lu ", walks[i].nodes[n].calls);
			write_path(file, &walks[i], n);
			fputc('\n', file);
		}
	}
	fclose(file);
}

static void read_options(int argc, char **argv)
{
	if (argc < 3)
		fault("usage: chaos SEED TRUTH [option=value]");
	options.seed = strtoull(argv[1], NULL, 0);
	options.truth = argv[2];
	for (int i = 3; i < argc; i++) {
		const char *value = strchr(argv[i], '=');
		value = value ? value + 1 : "";
		if (strncmp(argv[i], "calls=", 6) == 0)
			options.calls = atol(value);
		else if (strncmp(argv[i], "threads=", 8) == 0)
			options.threads = atoi(value);
		else if (strncmp(argv[i], "fibers=", 7) == 0)
			options.fibers = atoi(value);
		else if (strncmp(argv[i], "alternate=", 10) == 0)
			options.alternate = atoi(value);
		else if (strncmp(argv[i], "without=", 8) == 0)
			options.without = value;
		else
			fault(argv[i]);
	}
	if (options.threads < 1 || options.threads > THREADS_MAX || options.fibers > FIBERS_MAX)
		fault("too many");
}

int main(int argc, char **argv)
{
	static struct chaos_walk walks[THREADS_MAX];
	struct sigaction action = {.sa_handler = chaos_handler, .sa_flags = SA_NODEFER};
	read_options(argc, argv);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags |= SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
	add_functions(chaos_c_functions);
	if (allowed("cc"))
		add_functions(chaos_cc_functions);
	if (allowed("so"))
		add_functions(chaos_so_functions);
	for (int i = 0; i < options.threads; i++)
		prepare(&walks[i], i);
	for (int i = 1; i < options.threads; i++) {
		if (pthread_create(&walks[i].thread, NULL, walk_body, &walks[i]) != 0)
			fault("no thread");
	}
	walk_body(&walks[0]);
	for (int i = 1; i < options.threads; i++)
		pthread_join(walks[i].thread, NULL);
	write_truth(walks);
	return 0;
}
