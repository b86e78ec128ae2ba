/* SPDX-License-Identifier: MIT */
/* tests/support/oracle.c - liboracle.so, the independent witness: logs every enter and exit, nothing else.
 *
 * Preloaded instead of libautoprof.so into a second run of the same deterministic program. It shares no
 * code and no idea with the runtime: no ring, no fold, no clock; one write(2) an event, unbuffered, so that
 * no end of a thread or process can lose any. Slow, and that is the point: there is nothing to get wrong.
 * See oracle_log.h for the files that it leaves in ORACLE_DIR. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "tests/support/oracle_log.h"

#define PUBLIC __attribute__((visibility("default")))
/* Descriptors are moved up here, where a program that counts on the lowest free one does not meet them. */
#define LOG_FD_FLOOR 500

/* A thread's log. Of a forked child: still its parent's, until the first record tells them apart by pid. */
struct log {
	pid_t pid;
	pid_t tid;
	int fd;	     /* -1: closed by the thread's end, or not to be had */
	uint64_t at; /* bytes in the file */
};

static __thread struct log log_of_thread __attribute__((tls_model("initial-exec")));
static char directory[PATH_MAX];
static pthread_key_t end_key;

PUBLIC void __cyg_profile_func_enter(void *function, void *site);
PUBLIC void __cyg_profile_func_exit(void *function, void *site);

/* libc's write() is a cancellation point, which a hook must not be. */
static void put(int fd, const void *bytes, size_t size)
{
	const char *next = bytes;
	while (size > 0) {
		const long n = syscall(SYS_write, fd, next, size);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			static const char lost[] = "oracle: cannot write its log\n";
			syscall(SYS_write, 2, lost, sizeof(lost) - 1);
			syscall(SYS_exit_group, 99);
		}
		next += n;
		size -= (size_t)n;
	}
}

static int open_append(const char *path)
{
	const int low = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (low < 0) {
		return low;
	}
	const int high = fcntl(low, F_DUPFD_CLOEXEC, LOG_FD_FLOOR);
	if (high < 0) {
		return low;
	}
	close(low);
	return high;
}

static const char *log_directory(void)
{
	/* Hooks may run before our constructor: in constructors of other libraries. */
	if (!directory[0]) {
		const char *set = getenv("ORACLE_DIR");
		snprintf(directory, sizeof(directory), "%s", set ? set : ".");
	}
	return directory;
}

/* Append the present module map: a module that is in any of the copies can be named. */
static void save_maps(void)
{
	char path[PATH_MAX + 32], bytes[4096];
	snprintf(path, sizeof(path), "%s/%d.maps", log_directory(), (int)getpid());
	const int from = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	const int to = open_append(path);
	if (from >= 0 && to >= 0) {
		ssize_t n;
		while ((n = read(from, bytes, sizeof(bytes))) > 0) {
			put(to, bytes, (size_t)n);
		}
	}
	if (from >= 0) {
		close(from);
	}
	if (to >= 0) {
		close(to);
	}
}

static void put_begin(struct log *log, const struct log *forked_from)
{
	struct oracle_record begin = {.what = ORACLE_WHAT(ORACLE_BEGIN, 0)};
	if (forked_from) {
		begin.site = (uint64_t)forked_from->pid << 32 | (uint32_t)forked_from->tid;
		begin.stack = forked_from->at;
	}
	put(log->fd, &begin, sizeof(begin));
	log->at += sizeof(begin);
}

/* First record of a thread, of a forked child, or of a thread whose end closed its log too early. */
static void log_open(struct log *log, pid_t pid)
{
	const struct log before = *log;
	const bool forked = before.pid != 0 && before.pid != pid;
	char path[PATH_MAX + 64];

	log->pid = pid;
	log->tid = (pid_t)syscall(SYS_gettid);
	snprintf(path, sizeof(path), "%s/%d.%d.log", log_directory(), (int)log->pid, (int)log->tid);
	if (forked && before.fd > 0) {
		close(before.fd);
	}
	log->fd = open_append(path);
	if (log->fd < 0) {
		return; /* put() will say so */
	}
	log->at = (uint64_t)lseek(log->fd, 0, SEEK_END);
	pthread_setspecific(end_key, log);
	if (forked) {
		save_maps();
	}
	if (forked || before.pid == 0) {
		put_begin(log, forked ? &before : NULL);
	}
}

static void log_close(void *of_thread)
{
	struct log *log = of_thread;
	close(log->fd);
	log->fd = -1;
}

static void record(enum oracle_kind kind, void *function, void *site, void *stack)
{
	const int saved = errno;
	struct log *log = &log_of_thread;
	const pid_t pid = (pid_t)syscall(SYS_getpid);

	if (log->pid != pid || log->fd < 0) {
		log_open(log, pid);
	}
	const struct oracle_record r = {ORACLE_WHAT(kind, (uintptr_t)function), (uintptr_t)site,
					(uintptr_t)stack};
	put(log->fd, &r, sizeof(r));
	log->at += sizeof(r);
	errno = saved;
}

void __cyg_profile_func_enter(void *function, void *site)
{
	record(ORACLE_ENTER, function, site, __builtin_dwarf_cfa());
}

void __cyg_profile_func_exit(void *function, void *site)
{
	record(ORACLE_EXIT, function, site, __builtin_dwarf_cfa());
}

#if defined(__x86_64__)
/* glibc keeps the stack pointer in word 6 of a jmp_buf, xored with a secret of the process and rotated. */
static void *target_of(const struct __jmp_buf_tag *where)
{
	uint64_t mangled = (uint64_t)where->__jmpbuf[6], secret;
	__asm__("mov %%fs:0x30, %0" : "=r"(secret));
	return (void *)((mangled >> 17 | mangled << 47) ^ secret);
}

__attribute__((noreturn)) static void jump(const char *name, struct __jmp_buf_tag *where, int value)
{
	void (*next)(struct __jmp_buf_tag *, int) =
		(void (*)(struct __jmp_buf_tag *, int))dlsym(RTLD_NEXT, name);
	record(ORACLE_UNWIND, NULL, NULL, target_of(where));
	next(where, value);
	__builtin_unreachable();
}

PUBLIC void longjmp(struct __jmp_buf_tag where[1], int value)
{
	jump("longjmp", where, value);
}

PUBLIC void _longjmp(struct __jmp_buf_tag where[1], int value)
{
	jump("_longjmp", where, value);
}

PUBLIC void siglongjmp(struct __jmp_buf_tag where[1], int value)
{
	jump("siglongjmp", where, value);
}
#endif

/* Asked by the unwinder for every frame that it leaves; whoever says "install" is landed in, be it to catch
 * or to clean up. Compilers differ in what they call then: clang calls no exit hooks. */
typedef _Unwind_Reason_Code personality(int, _Unwind_Action, _Unwind_Exception_Class,
					struct _Unwind_Exception *, struct _Unwind_Context *);
PUBLIC personality __gxx_personality_v0;

_Unwind_Reason_Code __gxx_personality_v0(int version, _Unwind_Action actions,
					 _Unwind_Exception_Class class,
					 struct _Unwind_Exception *exception,
					 struct _Unwind_Context *context)
{
	personality *next = (personality *)dlsym(RTLD_NEXT, "__gxx_personality_v0");
	_Unwind_Word (*stack)(struct _Unwind_Context *) =
		(_Unwind_Word(*)(struct _Unwind_Context *))dlsym(RTLD_DEFAULT, "_Unwind_GetCFA");
	const _Unwind_Reason_Code answer = next(version, actions, class, exception, context);
	if (answer == _URC_INSTALL_CONTEXT) {
		record(ORACLE_UNWIND, NULL, NULL, (void *)stack(context));
	}
	return answer;
}

/* Ends and unloads that would hide modules from the map written by the destructor. */
PUBLIC void _exit(int status)
{
	save_maps();
	for (;;) {
		syscall(SYS_exit_group, status);
	}
}

PUBLIC void _Exit(int status)
{
	_exit(status);
}

PUBLIC int dlclose(void *handle)
{
	int (*next)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
	save_maps();
	return next(handle);
}

__attribute__((constructor)) static void begin(void)
{
	/* Created first, so it is one of the 32 keys whose values need no malloc in the program's heap. */
	pthread_key_create(&end_key, log_close);
	at_quick_exit(save_maps);
	save_maps();
}

__attribute__((destructor)) static void end(void)
{
	save_maps();
}
