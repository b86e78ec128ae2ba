/* SPDX-License-Identifier: MIT */
/* altstack_small N - the smallest alternate signal stack that there may be, with a guard page at both ends, and N signals
 * whose handler calls on it, more than any buffer holds. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

#define CALLS 3000
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static volatile unsigned long sink;
static char *stack_low, *stack_high;
static int elsewhere;

static APART void in_handler(void)
{
	sink++;
}

static APART void handler(int number)
{
	const char *here = __builtin_frame_address(0);
	(void)number;
	if (here < stack_low || here >= stack_high)
		elsewhere++;
	for (int i = 0; i < CALLS; i++)
		in_handler();
}

static APART void work(void)
{
	raise(SIGUSR1);
	sink++;
}

/* The kernel's frame, and what MINSIGSTKSZ leaves a handler beside it where registers were few: 1 KiB. */
static UNTRACED size_t smallest(void)
{
	const size_t frame = getauxval(AT_MINSIGSTKSZ);
	return (frame > 1024 ? frame + 1024 : 2048 /* MINSIGSTKSZ of old */) & ~(size_t)15;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = smallest();
	const size_t pages = (size + page - 1) / page * page;
	char *room = mmap(NULL, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	if (room == MAP_FAILED || mprotect(room + page, pages, PROT_READ | PROT_WRITE))
		return 2;
	stack_low = room + page; /* what lies below is the guard */
	stack_high = stack_low + size;
	const stack_t stack = {.ss_sp = stack_low, .ss_size = size};
	if (sigaltstack(&stack, NULL)) {
		perror("sigaltstack");
		return 2;
	}
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < n; i++)
		work();
	printf("elsewhere %d\n", elsewhere);
	SAY_CALLS("work", n);
	SAY_CALLS("handler", n);
	SAY_CALLS("in_handler", n * CALLS);
	return elsewhere;
}
