/* SPDX-License-Identifier: MIT */
/* registers N - what the ABI promises of every call, asked of both hooks N times (so that buffers fill up in them) and of
 * the functions of libc that a profiler may stand before: callee-saved registers, x87 and SSE control words, an empty
 * x87 stack, the direction flag, errno, and that all arguments arrive and results come back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;
void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);

/** What a call was made with, what it returned, and which promises it broke. */
struct promise {
	uintptr_t function;
	uintptr_t argument[6];
	uintptr_t result;
	uintptr_t
		broken; /* bit 0..5: rbx rbp r12..r15; 6: mxcsr; 7: x87 control; 8: x87 stack; 9: direction */
};

#if defined(__x86_64__)
void call_and_compare(struct promise *promise) UNTRACED;
/* All caller-saved registers get values as well: a callee that expects one of them to be 0 is found out. */
__asm__(".text\n"
	".globl call_and_compare\n"
	".type call_and_compare, @function\n"
	"call_and_compare:\n\t"
	"push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
	"push %rdi\n\t"
	"sub $48, %rsp\n\t"
	"stmxcsr 40(%rsp)\n\t"
	"fnstcw 44(%rsp)\n\t"
	"movl $0x7f80, 32(%rsp)\n\tldmxcsr 32(%rsp)\n\t" /* toward zero, all masked */
	"movl $0x0c7f, 36(%rsp)\n\tfldcw 36(%rsp)\n\t"	 /* toward zero, single precision */
	"movabs $0x5555aaaa11112222, %rax\n\t"
	"mov %rax, %rbx\n\tnot %rax\n\tmov %rax, %rbp\n\t"
	"ror $7, %rax\n\tmov %rax, %r12\n\tror $7, %rax\n\tmov %rax, %r13\n\t"
	"ror $7, %rax\n\tmov %rax, %r14\n\tror $7, %rax\n\tmov %rax, %r15\n\t"
	"mov %rbx, 0(%rsp)\n\t"
	"movq %rax, %xmm0\n\tmovq %rax, %xmm1\n\tmovq %rax, %xmm2\n\tmovq %rax, %xmm3\n\t"
	"movq %rax, %xmm4\n\tmovq %rax, %xmm5\n\tmovq %rax, %xmm6\n\tmovq %rax, %xmm7\n\t"
	"movq %rax, %xmm8\n\tmovq %rax, %xmm15\n\t"
	"mov %rdi, %r10\n\t"
	"mov 8(%r10), %rdi\n\tmov 16(%r10), %rsi\n\tmov 24(%r10), %rdx\n\t"
	"mov 32(%r10), %rcx\n\tmov 40(%r10), %r8\n\tmov 48(%r10), %r9\n\t"
	"mov %rbx, %r11\n\t"
	"mov 0(%r10), %r10\n\t"
	"xor %eax, %eax\n\t" /* no vector arguments, for those with "..." */
	"call *%r10\n\t"
	"mov 48(%rsp), %rdi\n\t"
	"mov %rax, 56(%rdi)\n\t"
	"xor %ecx, %ecx\n\t"
	"pushfq\n\tpop %rdx\n\t"
	"test $0x400, %edx\n\tjz 1f\n\tor $0x200, %ecx\n\tcld\n1:\t"
	"movabs $0x5555aaaa11112222, %rax\n\t"
	"cmp %rax, %rbx\n\tje 1f\n\tor $1, %ecx\n1:\t"
	"not %rax\n\tcmp %rax, %rbp\n\tje 1f\n\tor $2, %ecx\n1:\t"
	"ror $7, %rax\n\tcmp %rax, %r12\n\tje 1f\n\tor $4, %ecx\n1:\t"
	"ror $7, %rax\n\tcmp %rax, %r13\n\tje 1f\n\tor $8, %ecx\n1:\t"
	"ror $7, %rax\n\tcmp %rax, %r14\n\tje 1f\n\tor $16, %ecx\n1:\t"
	"ror $7, %rax\n\tcmp %rax, %r15\n\tje 1f\n\tor $32, %ecx\n1:\t"
	"stmxcsr 32(%rsp)\n\t"
	"mov 32(%rsp), %eax\n\tand $0xffc0, %eax\n\tcmp $0x7f80, %eax\n\tje 1f\n\tor $64, "
	"%ecx\n1:\t"
	"fnstcw 36(%rsp)\n\t"
	"cmpw $0x0c7f, 36(%rsp)\n\tje 1f\n\tor $128, %ecx\n1:\t"
	"fnstsw %ax\n\t" /* top of the x87 stack: 0 when it is empty */
	"test $0x3800, %eax\n\tjz 1f\n\tor $256, %ecx\n1:\t"
	"mov %rcx, 64(%rdi)\n\t"
	"ldmxcsr 40(%rsp)\n\t"
	"fldcw 44(%rsp)\n\t"
	"add $48, %rsp\n\t"
	"pop %rdi\n\t"
	"pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t"
	"ret\n\t"
	".size call_and_compare, .-call_and_compare\n");
#else
static UNTRACED void call_and_compare(struct promise *p)
{
	p->result = ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
				   uintptr_t))p->function)(p->argument[0], p->argument[1],
							   p->argument[2], p->argument[3],
							   p->argument[4], p->argument[5]);
	p->broken = 0;
}
#endif

static volatile unsigned long sink;
static int failures;

/* errno is set before and must be @error after. */
static UNTRACED long call(const char *what, void *function, int error, int n, ...)
{
	struct promise promise = {.function = (uintptr_t)function};
	va_list list;
	va_start(list, n);
	for (int i = 0; i < n; i++)
		promise.argument[i] = va_arg(list, uintptr_t);
	va_end(list);
	errno = 99;
	call_and_compare(&promise);
	const int after = errno;
	if (promise.broken || after != error) {
		printf("%s: broken %#lx, errno %d\n", what, (unsigned long)promise.broken, after);
		failures++;
	}
	return (long)(int)promise.result;
}

static APART void hooked(void)
{
	sink++;
}

static void *start(void *argument)
{
	hooked();
	return argument;
}

static UNTRACED void call_hooks(int n)
{
	for (int i = 0; i < n; i++) {
		call("enter", (void *)__cyg_profile_func_enter, 99, 2, (uintptr_t)hooked,
		     (uintptr_t)call_hooks);
		call("exit", (void *)__cyg_profile_func_exit, 99, 2, (uintptr_t)hooked,
		     (uintptr_t)call_hooks);
	}
}

static UNTRACED void call_threads(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	void *result = NULL;
	size_t size = 0;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	const long made = call("pthread_create", (void *)pthread_create, 99, 4, (uintptr_t)&thread,
			       (uintptr_t)&attributes, (uintptr_t)start, (uintptr_t)&sink);
	pthread_attr_getstacksize(&attributes, &size);
	pthread_join(thread, &result);
	printf("pthread_create: %ld, argument %s\n", made, result == &sink ? "came" : "lost");
}

static UNTRACED void call_spawn(const char *name, void *spawn)
{
	static char *const words[] = {"sh", "-c", "exit $V", NULL};
	static char *const values[] = {"V=42", NULL};
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int status = 0;
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_init(&actions);
	const long result = call(name, spawn, 99, 6, (uintptr_t)&pid, (uintptr_t) "/bin/sh",
				 (uintptr_t)&actions, (uintptr_t)&attributes, (uintptr_t)words,
				 (uintptr_t)values);
	waitpid(pid, &status, 0);
	printf("%s: %ld, %d\n", name, result, WEXITSTATUS(status));
}

static UNTRACED void call_execs(void)
{
	static char *const none[] = {"x", NULL};
	const uintptr_t path = (uintptr_t) "/nowhere/x", x = (uintptr_t) "x", y = (uintptr_t) "y";
	const uintptr_t argv = (uintptr_t)none, envp = (uintptr_t)environ;
	const long sum = call("execve", (void *)execve, ENOENT, 3, path, argv, envp) +
			 call("execv", (void *)execv, ENOENT, 2, path, argv) +
			 call("execvp", (void *)execvp, ENOENT, 2, path, argv) +
			 call("execvpe", (void *)execvpe, ENOENT, 3, path, argv, envp) +
			 call("fexecve", (void *)fexecve, EBADF, 3, (uintptr_t)555, argv, envp) +
			 call("execveat", (void *)execveat, ENOENT, 5, (uintptr_t)-100, path, argv,
			      envp, (uintptr_t)0) +
			 call("execl", (void *)execl, ENOENT, 5, path, x, y, x, (uintptr_t)0) +
			 call("execlp", (void *)execlp, ENOENT, 5, path, x, y, x, (uintptr_t)0) +
			 call("execle", (void *)execle, ENOENT, 5, path, x, y, (uintptr_t)0, envp);
	printf("exec: %ld\n", sum);
}

static UNTRACED void call_others(void)
{
	static char room[65536];
	const stack_t stack = {.ss_sp = room, .ss_size = sizeof room},
		      small = {.ss_sp = room, .ss_size = 16};
	stack_t old;
	char name[17] = "";
	printf("sigaltstack: %ld",
	       call("sigaltstack", (void *)sigaltstack, 99, 2, (uintptr_t)&stack, (uintptr_t)NULL));
	printf(" %ld", call("sigaltstack, small", (void *)sigaltstack, ENOMEM, 2, (uintptr_t)&small,
			    (uintptr_t)NULL));
	call("sigaltstack, old", (void *)sigaltstack, 99, 2, (uintptr_t)NULL, (uintptr_t)&old);
	printf(" %s\n", old.ss_sp == room ? "ours" : "lost");
	call("prctl", (void *)prctl, 99, 5, (uintptr_t)PR_SET_NAME, (uintptr_t) "new name",
	     (uintptr_t)0, (uintptr_t)0, (uintptr_t)0);
	call("prctl", (void *)prctl, 99, 5, (uintptr_t)PR_GET_NAME, (uintptr_t)name, (uintptr_t)0,
	     (uintptr_t)0, (uintptr_t)0);
	printf("prctl: %s, %ld\n", name,
	       call("prctl, wrong", (void *)prctl, EINVAL, 5, (uintptr_t)PR_SET_PDEATHSIG,
		    (uintptr_t)1000, (uintptr_t)0, (uintptr_t)0, (uintptr_t)0));
	void *handle = dlopen("libm.so.6", RTLD_NOW);
	printf("dlclose: %ld\n", call("dlclose", (void *)dlclose, 99, 1, (uintptr_t)handle));
}

/* A jump brings back the registers that setjmp saw. */
static UNTRACED void call_jumps(void)
{
	static sigjmp_buf back;
	void *const jumps[] = {(void *)longjmp, (void *)siglongjmp, (void *)_longjmp};
	for (volatile int i = 0; i < 3; i++) {
		const int result = sigsetjmp(back, 1);
		if (result == 0)
			call("longjmp", jumps[i], 0, 2, (uintptr_t)back, (uintptr_t)(40 + i));
		printf("jump %d\n", result);
#if defined(__x86_64__)
		/* call_and_compare() did not get to put them back, and a jump does not. */
		__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((const int){0x1f80}));
#endif
	}
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1000;
	call_hooks(n);
	call_threads();
	call_spawn("posix_spawn", (void *)posix_spawn);
	call_spawn("posix_spawnp", (void *)posix_spawnp);
	call_execs();
	call_others();
	call_jumps();
	call_hooks(n);
	printf("%d failures\n", failures);
	SAY_CALLS("hooked", 2 * n + 1);
	SAY_CALLS("start", 1);
	return failures != 0;
}
