/* SPDX-License-Identifier: MIT */
/* altstack N - a handler on an alternate stack that lies N sixteenths of a MiB above the interrupted frames, modulo the
 * 8 MiB that an event tells of a stack pointer. The last handler jumps out of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "victim.h"

#define ROUNDS 200
#define SIZE 65536ul

static sigjmp_buf back;
static volatile int jump;
static volatile unsigned long sink;

static APART void in_handler(void)
{
	sink++;
}

static APART void handler(int number)
{
	(void)number;
	in_handler();
	if (jump)
		siglongjmp(back, 1);
	sink++;
}

static APART void inner(void)
{
	sink++;
}

static APART void outer(void)
{
	raise(SIGUSR1);
	inner();
}

static UNTRACED void use_stack_at(uintptr_t low_bits)
{
	char *room = mmap(NULL, 24 << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const uintptr_t from = ((uintptr_t)room + 0x7fffff) & ~(uintptr_t)0x7fffff;
	const stack_t stack = {.ss_sp = (void *)(from + (low_bits & 0x7ffff0)), .ss_size = SIZE};
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
}

int main(int argc, char **argv)
{
	char here;
	use_stack_at((uintptr_t)&here + strtoul(argv[argc - 1], NULL, 10) * 65536);
	for (int i = 0; i < ROUNDS; i++)
		outer();
	jump = 1;
	if (!sigsetjmp(back, 1))
		outer();
	inner();
	SAY_CALLS("main", 1);
	SAY_CALLS("outer", ROUNDS + 1);
	SAY_CALLS("inner", ROUNDS + 1);
	SAY_CALLS("handler", ROUNDS + 1);
	SAY_CALLS("in_handler", ROUNDS + 1);
	return 0;
}
