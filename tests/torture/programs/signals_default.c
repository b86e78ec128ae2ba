/* SPDX-License-Identifier: MIT */
/* signals_default - every signal is set to its default or ignored, by signal(), by sigaction() and by the bare system call,
 * and then nothing else is done than calling, for longer than any buffer lasts. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "victim.h"

#define ROUNDS 300000

struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static volatile unsigned long sink;
static int not_as_before;

static APART void leaf(void)
{
	sink++;
}

static APART void burn(void)
{
	for (int i = 0; i < ROUNDS; i++)
		leaf();
}

static APART void reset_all(void)
{
	for (int s = 1; s <= 64; s++) {
		void (*const old)(int) = signal(s, SIG_DFL);
		if (old != SIG_DFL && old != SIG_ERR)
			not_as_before++;
	}
}

static APART void reset_all_raw(void)
{
	for (int s = 1; s <= 64; s++) {
		const struct kernel_action none = {.handler = SIG_DFL};
		struct kernel_action old = {.handler = SIG_DFL};
		syscall(SYS_rt_sigaction, s, NULL, &old, 8);
		if (old.handler != SIG_DFL)
			not_as_before++;
		syscall(SYS_rt_sigaction, s, &none, NULL, 8);
	}
}

static APART void ignore_all(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	for (int s = 1; s <= 64; s++)
		sigaction(s, &ignore, NULL);
}

int main(void)
{
	reset_all();
	burn();
	reset_all_raw();
	burn();
	ignore_all();
	burn();
	reset_all_raw();
	printf("not as before: %d\n", not_as_before);
	SAY_CALLS("burn", 3);
	SAY_CALLS("leaf", 3 * ROUNDS);
	SAY_CALLS("reset_all", 1);
	SAY_CALLS("reset_all_raw", 2);
	SAY_CALLS("ignore_all", 1);
	return 0;
}
