/* SPDX-License-Identifier: MIT */
/* faults N - programs that live by their faults: a write barrier by mprotect() and SIGSEGV, a null check made by the
 * processor, divisions by zero, reads behind the end of a file (SIGBUS), illegal instructions; N of each. The handlers
 * call, and go on by returning or by siglongjmp(). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

static sigjmp_buf back;
static char *barrier_page, *file_page;
static size_t page;
static unsigned long caught[65];
static volatile unsigned long sink;
static volatile int zero;
static const volatile int *volatile nowhere;

static APART void open_barrier(void)
{
	mprotect(barrier_page, page, PROT_READ | PROT_WRITE);
}

static APART void note(int number)
{
	caught[number]++;
}

static APART void handler(int number, siginfo_t *info, void *context)
{
	(void)context;
	note(number);
	if (number == SIGSEGV && (char *)info->si_addr >= barrier_page &&
	    (char *)info->si_addr < barrier_page + page)
		open_barrier();
	else
		siglongjmp(back, number);
}

static APART void write_through_barrier(void)
{
	mprotect(barrier_page, page, PROT_READ);
	*(volatile char *)barrier_page = 1;
}

static APART int null_check(const volatile int *p)
{
	return *p;
}

static APART int divide(int by)
{
	volatile int result = 100;
#if defined(__x86_64__)
	result = result / by;
#else
	if (!by)
		raise(SIGFPE);
#endif
	return result;
}

static APART char read_behind_end(void)
{
	return *(volatile char *)file_page;
}

static APART void illegal(void)
{
	__builtin_trap();
}

static APART void each(int kind)
{
	switch (kind) {
	case 0:
		write_through_barrier();
		break;
	case 1:
		sink += (unsigned long)null_check(nowhere);
		break;
	case 2:
		sink += (unsigned long)divide(zero);
		break;
	case 3:
		sink += (unsigned long)read_behind_end();
		break;
	case 4:
		illegal();
	}
}

static APART void round_of(int kind)
{
	if (!sigsetjmp(back, 1))
		each(kind);
	sink++;
}

int main(int argc, char **argv)
{
	static const int numbers[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGTRAP};
	const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	const int n = argc > 1 ? atoi(argv[1]) : 100;
	page = (size_t)sysconf(_SC_PAGESIZE);
	barrier_page = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int fd = memfd_create("empty", MFD_CLOEXEC);
	file_page = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		sigaction(numbers[i], &action, NULL);
	for (volatile int i = 0; i < n; i++)
		for (volatile int kind = 0; kind < 5; kind++)
			round_of(kind);
	printf("SEGV %lu FPE %lu BUS %lu ILL or TRAP %lu\n", caught[SIGSEGV], caught[SIGFPE],
	       caught[SIGBUS], caught[SIGILL] + caught[SIGTRAP]);
	SAY_CALLS("round_of", 5 * n);
	SAY_CALLS("each", 5 * n);
	SAY_CALLS("handler", 5 * n);
	SAY_CALLS("note", 5 * n);
	SAY_CALLS("open_barrier", n);
	SAY_CALLS("write_through_barrier", n);
	SAY_CALLS("null_check", n);
	SAY_CALLS("divide", n);
	SAY_CALLS("read_behind_end", n);
	SAY_CALLS("illegal", n);
	return 0;
}
