/* SPDX-License-Identifier: MIT */
/* end_cell END CIRCUMSTANCE AGE MS CHROOT PROGRAM - calls, comes into a circumstance, calls, and ends.
 *
 * AGE young: both at once. grown: the circumstance at once, then it lives for MS milliseconds. late: it lives for MS
 * milliseconds before. CHROOT: a directory; PROGRAM: what an exec becomes, in the root of CHROOT too. The numbers of calls
 * are those of the table below, whatever MS is; they are printed before the circumstance. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define STEPS 10
#define FEW 5	 /* calls of a young process: its ring is never full */
#define MANY 100 /* calls of one step of an older one: more than a small ring holds */
#define NOBODY 65534
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static volatile unsigned long sink;
static unsigned long ms;
static const char *end_name, *circumstance_name, *root, *program;
static volatile int leaving;

static APART void work(void)
{
	sink++;
}

static UNTRACED void sleep_ms(unsigned long n)
{
	struct timespec t = {(time_t)(n / 1000), (long)(n % 1000) * 1000000};
	while (n && nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static UNTRACED void call(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		work();
}

static UNTRACED void live(void)
{
	for (int i = 0; i < STEPS; i++) {
		call(MANY);
		sleep_ms(ms / STEPS);
	}
}

/* ---- ends */

static void by_exit(void)
{
	exit(11);
}

static void by_raw_exit(void)
{
	_exit(12);
}

static void by_Exit(void)
{
	_Exit(13);
}

static void by_quick_exit(void)
{
	quick_exit(14);
}

static void by_abort(void)
{
	abort();
}

static void by_term(void)
{
	kill(getpid(), SIGTERM);
}

static void by_int(void)
{
	kill(getpid(), SIGINT);
}

static void by_segv(void)
{
	static volatile int *volatile nowhere;
	*nowhere = 1;
}

static void by_kill(void)
{
	kill(getpid(), SIGKILL);
	if (getpid() == 1) /* only from outside; that is waited for */
		for (;;)
			pause();
}

static void by_exec(void)
{
	execl(program, program, (char *)NULL);
	_exit(98);
}

/* The thread that remains when the main thread has left; made before, as a thread may not be made later. */
static APART void last_thread(void)
{
	work();
}

static UNTRACED void *remain(void *unused)
{
	while (!leaving)
		sleep_ms(1);
	sleep_ms(20); /* for the main thread to be gone */
	last_thread();
	return unused;
}

static UNTRACED void prepare_end(void)
{
	pthread_t thread;
	if (strcmp(end_name, "pthread_exit") != 0)
		return;
	if (pthread_create(&thread, NULL, remain, NULL) != 0)
		_exit(97);
	pthread_detach(thread);
}

static void by_pthread_exit(void)
{
	leaving = 1;
	pthread_exit(NULL);
}

static const struct {
	const char *name, *function;
	void (*end)(void);
} ends[] = {
	{"return", NULL, NULL},
	{"exit", "by_exit", by_exit},
	{"_exit", "by_raw_exit", by_raw_exit},
	{"_Exit", "by_Exit", by_Exit},
	{"quick_exit", "by_quick_exit", by_quick_exit},
	{"abort", "by_abort", by_abort},
	{"SIGTERM", "by_term", by_term},
	{"SIGINT", "by_int", by_int},
	{"SIGSEGV", "by_segv", by_segv},
	{"SIGKILL", "by_kill", by_kill},
	{"exec", "by_exec", by_exec},
	{"pthread_exit", "by_pthread_exit", by_pthread_exit},
};

static UNTRACED size_t chosen_end(void)
{
	for (size_t i = 0; i < LENGTH(ends); i++)
		if (strcmp(ends[i].name, end_name) == 0)
			return i;
	_exit(96);
}

static UNTRACED void do_end(void)
{
	const size_t i = chosen_end();
	if (ends[i].end)
		ends[i].end();
}

/* ---- circumstances; each returns whether it is there */

static UNTRACED int as_is(void)
{
	return 1;
}

static UNTRACED int as_process_1(void)
{
	return getpid() == 1;
}

static UNTRACED int as_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* What the ends of this program need; whatever else is called kills it. After exec it is another program that calls. */
static const int permitted[] = {
	SYS_write,	     SYS_exit,	 SYS_exit_group,   SYS_kill,	     SYS_tgkill,
	SYS_getpid,	     SYS_gettid, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_rt_sigprocmask,
	SYS_clock_nanosleep, SYS_futex,	 SYS_madvise,
};

static UNTRACED int in_a_filter(void)
{
	struct sock_filter code[2 * LENGTH(permitted) + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog filter = {LENGTH(code), code};
	const int all = strcmp(end_name, "exec") == 0;
	size_t n = 1;
	for (size_t i = 0; i < LENGTH(permitted); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned)permitted[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, all ? SECCOMP_RET_ALLOW
								      : SECCOMP_RET_KILL_PROCESS);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static UNTRACED int in_a_chroot(void)
{
	program = strrchr(program, '/');
	return chroot(root) == 0 && chdir("/") == 0;
}

static UNTRACED int as_nobody(void)
{
	return setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

/* Threads count as processes. */
static UNTRACED int with_no_process_more(void)
{
	const struct rlimit none = {0, 0};
	return setrlimit(RLIMIT_NPROC, &none) == 0;
}

static UNTRACED int with_children_ignored(void)
{
	return signal(SIGCHLD, SIG_IGN) != SIG_ERR;
}

static UNTRACED void *wait_for_any(void *unused)
{
	static const char strange[] = "a child that is none of ours\n";
	while (!leaving) {
		if (wait(NULL) > 0 && write(1, strange, sizeof strange - 1) < 0)
			_exit(92);
		usleep(100);
	}
	return unused;
}

static UNTRACED int with_a_waiting_thread(void)
{
	pthread_t thread;
	return pthread_create(&thread, NULL, wait_for_any, NULL) == 0;
}

static UNTRACED int without_stdin_and_stdout(void)
{
	return close(0) == 0 && close(1) == 0;
}

static const struct {
	const char *name;
	int (*enter)(void);
} circumstances[] = {
	{"plain", as_is},
	{"pid1", as_process_1},
	{"subreaper", as_subreaper},
	{"seccomp", in_a_filter},
	{"chroot", in_a_chroot},
	{"setuid", as_nobody},
	{"nproc", with_no_process_more},
	{"sigchld", with_children_ignored},
	{"waiter", with_a_waiting_thread},
	{"closed", without_stdin_and_stdout},
	{"vfork", as_is},
	{"handler", as_is},
};

static UNTRACED void come_into(void)
{
	for (size_t i = 0; i < LENGTH(circumstances); i++) {
		if (strcmp(circumstances[i].name, circumstance_name) != 0)
			continue;
		if (!circumstances[i].enter())
			_exit(95);
		return;
	}
	_exit(94);
}

/* ---- */

static UNTRACED int is_circumstance(const char *name)
{
	return strcmp(circumstance_name, name) == 0;
}

static APART void handler(int number)
{
	(void)number;
	do_end();
}

/* No stdio: what it holds would be written by parent and child. */
static UNTRACED void say_status(int status)
{
	char text[] = "child 0000\n";
	for (int i = 0; i < 4; i++)
		text[6 + i] = "0123456789abcdef"[status >> (12 - 4 * i) & 15];
	if (write(1, text, sizeof text - 1) < 0)
		_exit(92);
}

static APART void in_vfork_child(void)
{
	const pid_t pid = vfork();
	if (pid == 0) {
		work();
		do_end();
		_exit(93);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	say_status(status);
}

static UNTRACED void say(const char *age)
{
	const unsigned long before = strcmp(age, "late") == 0 ? STEPS * MANY : FEW;
	const unsigned long after = strcmp(age, "grown") == 0 ? STEPS * MANY : FEW;
	const int forks = is_circumstance("vfork"), last = strcmp(end_name, "pthread_exit") == 0;
	const char *function = ends[chosen_end()].function;

	SAY_CALLS("main", 1);
	if (is_circumstance("seccomp")) { /* where recording ends */
		SAY_CALLS("work", before);
		fflush(stdout);
		return;
	}
	SAY_CALLS("work", before + after + (unsigned long)(last + forks));
	SAY_CALLS("in_vfork_child", forks);
	SAY_CALLS("handler", is_circumstance("handler"));
	SAY_CALLS("last_thread", last);
	if (function)
		SAY_CALLS(function, 1);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	end_name = argv[1];
	circumstance_name = argv[2];
	ms = strtoul(argv[4], NULL, 10);
	root = argv[5];
	program = argv[6];
	say(argv[3]);
	prepare_end();
	if (strcmp(argv[3], "late") == 0)
		live();
	else
		call(FEW);
	come_into();
	if (strcmp(argv[3], "grown") == 0)
		live();
	else
		call(FEW);
	if (is_circumstance("handler")) {
		signal(SIGUSR1, handler);
		raise(SIGUSR1);
	} else if (is_circumstance("vfork")) {
		in_vfork_child();
	} else {
		do_end();
	}
	return 10;
}
