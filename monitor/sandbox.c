/* SPDX-License-Identifier: MIT */
/* monitor/sandbox.c - see sandbox.h. A list of what is allowed: whatever a later kernel adds is not. */
#include "monitor/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_ADDRESS__)
/* Its search for leaks stops the process by a tracer: no filter. */
#elif defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef MACHINE
/* Only calls that every machine has by this name; the older ones of x86-64 are below. */
/* clang-format off */
static const uint32_t allowed[] = {
	/* files */
	SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_pwrite64, SYS_lseek,
	SYS_openat, SYS_close, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs,
	SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd, SYS_fcntl,
	SYS_dup, SYS_ftruncate, SYS_fchmod, SYS_fsync, SYS_linkat, SYS_renameat2,
	SYS_unlinkat,
	/* memory */
	SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk,
	/* itself */
	SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction,
	SYS_sigaltstack, SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
	SYS_uname, SYS_prlimit64, SYS_getrusage, SYS_sched_getaffinity, SYS_sched_yield,
	SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_futex, SYS_getrandom,
	SYS_restart_syscall,
#if defined(__x86_64__)
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_unlink, SYS_time, SYS_getrlimit,
#endif
};
/* clang-format on */

#define ALLOWED_N (sizeof(allowed) / sizeof(allowed[0]))
#define HEAD 3 /* instructions before the list */
#define DENY SECCOMP_RET_ERRNO | EPERM
_Static_assert(ALLOWED_N < 250, "jumps have eight bits");

/* Load the machine, load the number, one comparison a call, deny, allow. The numbers of the x32 calls have a bit
 * that no call in the list has. */
static size_t make_filter(struct sock_filter *ret)
{
	const struct sock_filter head[HEAD] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 0, ALLOWED_N + 1),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	size_t n = 0;

	for (size_t i = 0; i < HEAD; i++) {
		ret[n++] = head[i];
	}
	for (size_t i = 0; i < ALLOWED_N; i++) {
		const uint8_t to_allow = (uint8_t)(ALLOWED_N - i);
		ret[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
							to_allow, 0);
	}
	ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, DENY);
	ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

bool ap_sandbox_enter(void)
{
	struct sock_filter filter[HEAD + ALLOWED_N + 2];
	const struct sock_fprog program = {(unsigned short)make_filter(filter), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
bool ap_sandbox_enter(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return false;
}
#endif
