/* SPDX-License-Identifier: MIT */
/* recursion direct|mutual|tree DEPTH - in a thread whose stack has room for it. */
#include <alloca.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define STACK_BYTES (1ull << 30)

static long depth;
static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static APART long direct(long n)
{
	leaf();
	return n <= 1 ? 1 : 1 + direct(n - 1);
}

static long pong(long n);

static APART long ping(long n)
{
	return n <= 1 ? 1 : 1 + pong(n - 1);
}

static APART long pong(long n)
{
	return n <= 1 ? 1 : 1 + ping(n - 1);
}

static APART long tree(long n)
{
	return n <= 0 ? 1 : 1 + tree(n - 1) + tree(n - 1);
}

/* A frame whose size is not known before it is there. */
static APART long stretched(long n)
{
	char *room = (char *)alloca((size_t)(16 + n % 512));
	memset(room, 1, 16);
	leaf();
	return n <= 1 ? room[0] : room[3] + stretched(n - 1);
}

static void *run_direct(void *unused)
{
	(void)unused;
	SAY_CALLS("direct", direct(depth));
	SAY_CALLS("leaf", depth);
	return NULL;
}

static void *run_mutual(void *unused)
{
	const long n = ping(depth);
	(void)unused;
	SAY_CALLS("ping", (n + 1) / 2);
	SAY_CALLS("pong", n / 2);
	return NULL;
}

static void *run_tree(void *unused)
{
	(void)unused;
	SAY_CALLS("tree", tree(depth));
	return NULL;
}

static void *run_stretched(void *unused)
{
	(void)unused;
	SAY_CALLS("stretched", stretched(depth));
	SAY_CALLS("leaf", depth);
	return NULL;
}

static const struct {
	const char *name;
	void *(*run)(void *);
} kinds[] = {{"direct", run_direct},
	     {"mutual", run_mutual},
	     {"tree", run_tree},
	     {"stretched", run_stretched}};

int main(int argc, char **argv)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (argc < 3)
		return 2;
	depth = atol(argv[2]);
	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, STACK_BYTES))
		return 3;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, argv[1]) == 0 &&
		    (pthread_create(&thread, &attributes, kinds[i].run, NULL) ||
		     pthread_join(thread, NULL)))
			return 4;
	}
	return 0;
}
