/* SPDX-License-Identifier: MIT */
/* runtime/attendant.c - starting `autoprof attend`: a grandchild that the program cannot see.
 *
 * Two clones in our own memory, the first without an exit signal, so that no wait(-1) of the program meets
 * it and no SIGCHLD comes; the grandchild belongs to init. It gets a fresh environment without our preload,
 * /dev/null on 0-2 and nothing else. Not as pid 1 or as a subreaper: the orphan would come back to us. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#define STARTER_WAIT_NS 1000000000ull

static char child_stack[8192] __attribute__((aligned(64)));
static char grandchild_stack[8192] __attribute__((aligned(64)));
static volatile int exec_error;
static volatile int attendant; /* pid of the grandchild */

struct order {
	char pid[24];
	char *arguments[5];
	char *environment[2];
};

/* Where the library was found tells where the program is: beside it (build tree), or in ../bin of it. */
static const char *const places[] = {"/autoprof", "/../bin/autoprof", "/../../bin/autoprof"};

static bool try_place(const char *dir, size_t length, const char *place)
{
	struct ap_line line = {ap_runtime.program, sizeof ap_runtime.program, 0};
	if (length + ap_strlen(place) >= sizeof ap_runtime.program)
		return false;
	for (size_t i = 0; i < length; i++)
		ap_runtime.program[line.used++] = dir[i];
	ap_line_str(&line, place);
	if (ap_sys3(SYS_faccessat, AT_FDCWD, ap_runtime.program, 1 /* X_OK */) == 0)
		return true;
	ap_runtime.program[0] = 0;
	return false;
}

/** ap_attendant_find() - look for the autoprof program, in the constructor: the directory may go away. */
void ap_attendant_find(void)
{
	struct dl_find_object found;
	char cwd[4096];
	if (_dl_find_object((void *)ap_attendant_find, &found) != 0)
		return;
	const char *name = found.dlfo_link_map->l_name;
	if (name[0] != '/') {
		if (ap_sys2(SYS_getcwd, cwd, sizeof cwd - 1) <= 0)
			return;
		struct ap_line line = {cwd, sizeof cwd, ap_strlen(cwd)};
		ap_line_str(&line, "/");
		ap_line_str(&line, name);
		name = cwd;
	}
	size_t length = ap_strlen(name);
	while (length && name[length - 1] != '/')
		length--;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (length && try_place(name, length - 1, places[i]))
			return;
#ifdef AP_BINDIR
	try_place(AP_BINDIR, ap_strlen(AP_BINDIR), "/autoprof");
#endif
}

static void reset_signals(void)
{
	const uint64_t none = 0;
	for (int s = 1; s <= 64; s++) {
		const struct {
			void *handler;
			uint64_t flags;
			void *restorer;
			uint64_t mask;
		} action = {NULL, 0, NULL, 0};
		ap_sys4(SYS_rt_sigaction, s, &action, 0, 8);
	}
	ap_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
}

static void only_dev_null(void)
{
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	for (int i = 0; i < 3; i++) {
		if (fd >= 0)
			ap_sys3(SYS_dup3, fd, i, 0);
		else
			ap_sys1(SYS_close, i);
	}
	ap_sys3(SYS_close_range, 3, ~0u, 0);
}

/* If memory is short, it shall be us. */
static void volunteer_for_oom(void)
{
	const long fd =
		ap_sys4(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	ap_sys3(SYS_write, fd, "1000", 4);
	ap_sys1(SYS_close, fd);
}

/* Limits of the program are not ours where they may be raised. */
static void raise_limits(void)
{
	static const int which[] = {RLIMIT_AS,	RLIMIT_FSIZE, RLIMIT_NOFILE,
				    RLIMIT_CPU, RLIMIT_DATA,  RLIMIT_STACK};
	for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
		uint64_t limit[2];
		if (ap_sys4(SYS_prlimit64, 0, which[i], 0, limit) < 0)
			continue;
		if (which[i] == RLIMIT_NOFILE && limit[1] < 64)
			limit[1] = 64;
		if (which[i] != RLIMIT_STACK)
			limit[0] = limit[1];
		ap_sys4(SYS_prlimit64, 0, which[i], limit, 0);
	}
}

static int grandchild(void *argument)
{
	struct order *order = argument;
	ap_sys0(SYS_setsid);
	reset_signals();
	raise_limits(); /* before anything is opened */
	only_dev_null();
	volunteer_for_oom();
	exec_error =
		(int)-ap_sys3(SYS_execve, ap_runtime.program, order->arguments, order->environment);
	ap_sys1(SYS_exit_group, 127);
	return 0;
}

/* clone() of libc sets errno on failure only, and in memory that we share: saved by the caller. */
static int child(void *argument)
{
	const int pid = clone(grandchild, grandchild_stack + sizeof grandchild_stack,
			      CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
	if (pid < 0)
		exec_error = EAGAIN;
	attendant = pid;
	ap_sys1(SYS_exit_group, 0);
	return 0;
}

/* The attendant is who we are now, and where. One that cannot open the spool ends at once, but while nobody has reaped
 * it, it looks alive: a program that became another user waited for its report in vain. */
static bool spool_is_out_of_reach(void)
{
	const long error =
		ap_sys4(SYS_faccessat2, AT_FDCWD, ap_runtime.spool_path, 4 /* R_OK */, AT_EACCESS);
	return error == -EACCES || error == -ENOENT; /* others: old kernels, filters */
}

static bool possible(const char **why)
{
	int subreaper = 0;
	*why = NULL;
	if (!ap_runtime.program[0])
		*why = "the autoprof program was not found beside the library: no attendant";
	else if (ap_getpid() == 1)
		*why = "this is process 1: no attendant";
	else if (ap_sys2(SYS_prctl, PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper)
		*why = "this is a subreaper: no attendant";
	else if (spool_is_out_of_reach())
		*why = "the spool is out of reach (another user, another root): no attendant";
	return !*why;
}

static void note(struct ap_control *c, const char *why, long error)
{
	ap_log(why, error);
	ap_space_note(c, why);
}

/* Signals are blocked. errno belongs to the program: clone() may write it. */
static long launch(struct order *order)
{
	const int saved = errno;
	exec_error = 0;
	const int pid =
		clone(child, child_stack + sizeof child_stack, CLONE_VM | CLONE_VFORK, order);
	const long error = pid < 0 ? -errno : 0;
	errno = saved;
	if (error)
		return error;
	while (ap_sys4(SYS_wait4, pid, 0, __WALL, 0) == -EINTR)
		;
	return -exec_error;
}

/* Another thread is at it. A process that exits meanwhile would kill it between its clones. */
static bool wait_for_starter(const struct ap_control *c)
{
	const uint64_t begin = ap_clock_ns(CLOCK_MONOTONIC);
	while (__atomic_load_n(&c->attendant, __ATOMIC_ACQUIRE) == 1 &&
	       ap_clock_ns(CLOCK_MONOTONIC) - begin < STARTER_WAIT_NS)
		ap_sys0(SYS_sched_yield);
	return __atomic_load_n(&c->attendant, __ATOMIC_ACQUIRE) == 2;
}

/** ap_attendant_start() - once; signals blocked. Return: is there one now? */
bool ap_attendant_start(struct ap_control *c)
{
	uint32_t none = 0;
	const char *why = NULL;
	long error = 0;
	if (!ap_arch_libc_thread())
		return false; /* clone() and errno are libc's: another thread may do it */
	if (!__atomic_compare_exchange_n(&c->attendant, &none, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return none == 2 || (none == 1 && wait_for_starter(c));
	if (possible(&why)) {
		struct order order = {.environment = {(char *)"PATH=/usr/bin:/bin", NULL}};
		struct ap_line pid = {order.pid, sizeof order.pid, 0};
		ap_line_u64(&pid, c->pid);
		order.arguments[0] = ap_runtime.program;
		order.arguments[1] = (char *)"attend";
		order.arguments[2] = ap_runtime.spool_path;
		order.arguments[3] = order.pid;
		error = launch(&order);
		if (error)
			why = "the attendant could not be started";
	}
	if (why)
		note(c, why, error);
	else
		c->attendant_pid = (uint32_t)attendant;
	__atomic_store_n(&c->attendant, why ? 3 : 2, __ATOMIC_RELEASE);
	return !why;
}
