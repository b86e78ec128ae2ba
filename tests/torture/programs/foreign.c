/* SPDX-License-Identifier: MIT */
/* foreign - lives in another C library, another word size, or without a loader: threads, jumps, stacks for handlers,
 * children, and handlers of its end. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf landing;
static char alternate[64 << 10];

static void at_end(void)
{
	printf("end\n");
}

static void *start(void *number)
{
	return (char *)number + 1;
}

static int threads(void)
{
	pthread_t ids[8];
	char base[9];
	int good = 0;
	for (int i = 0; i < 8; i++)
		if (pthread_create(&ids[i], NULL, start, base + i))
			return -1;
	for (int i = 0; i < 8; i++) {
		void *result = NULL;
		good += pthread_join(ids[i], &result) == 0 && result == base + i + 1;
	}
	return good;
}

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(landing, 1);
}

static int jumps(void)
{
	volatile int n = 0;
	jmp_buf here;
	if (setjmp(here) < 5) {
		n++;
		longjmp(here, n);
	}
	return n;
}

static int faults(void)
{
	const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
	const struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
	volatile int n = 0;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	while (n < 3)
		if (sigsetjmp(landing, 1) == 0) {
			n++;
			raise(SIGSEGV);
		}
	return n;
}

static int child(void)
{
	int status = -1;
	const pid_t pid = fork();
	if (pid == 0)
		_exit(threads());
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

static int became(void)
{
	int status = -1;
	const pid_t pid = fork();
	if (pid == 0) {
		execl("/none", "none", (char *)NULL);
		_exit(errno == ENOENT ? 6 : 5);
	}
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

static int aborted(void)
{
	int status = -1;
	const pid_t pid = fork();
	if (pid == 0)
		abort();
	return waitpid(pid, &status, 0) == pid ? WTERMSIG(status) : -1;
}

int main(void)
{
	char *block = malloc(100000);
	memset(block, 1, 100000);
	free(block);
	atexit(at_end);
	printf("threads %d, jumps %d, faults %d\n", threads(), jumps(), faults());
	fflush(stdout);
	printf("child %d, exec %d, abort %d\n", child(), became(), aborted());
	return 7;
}
