/* SPDX-License-Identifier: MIT */
/* preload/real.h - the functions that we stand before: one table, resolved at first use.
 *
 * Adding one is a row here, a body in the file of its family, and a name in scripts/symbols-exports.txt. */
#ifndef AP_PRELOAD_REAL_H
#define AP_PRELOAD_REAL_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <ucontext.h>

#include "runtime/runtime.h"

#define EXPORT __attribute__((visibility("default")))

/*    return  name                 parameters */
#define AP_WRAPPED(X)                                                                              \
	X(void, _exit, (int))                                                                      \
	X(void, abort, (void))                                                                     \
	X(int, execve, (const char *, char *const[], char *const[]))                               \
	X(int, execvpe, (const char *, char *const[], char *const[]))                              \
	X(int, fexecve, (int, char *const[], char *const[]))                                       \
	X(int, execveat, (int, const char *, char *const[], char *const[], int))                   \
	X(void, longjmp, (jmp_buf, int))                                                           \
	X(void, siglongjmp, (sigjmp_buf, int))                                                     \
	X(void, __longjmp_chk, (jmp_buf, int))                                                     \
	X(void, makecontext, (ucontext_t *, void (*)(void), int, ...))                             \
	X(int, swapcontext, (ucontext_t *, const ucontext_t *))                                    \
	X(int, setcontext, (const ucontext_t *))                                                   \
	X(int, sigaltstack, (const stack_t *, stack_t *))                                          \
	X(int, prctl, (int, ...))                                                                  \
	X(int, dlclose, (void *))                                                                  \
	X(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))   \
	X(int, posix_spawn,                                                                        \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,   \
	   char *const[], char *const[]))                                                          \
	X(int, posix_spawnp,                                                                       \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,   \
	   char *const[], char *const[]))                                                          \
	X(void *, __cxa_begin_catch, (void *))

#define AP_REAL_FIELD(ret, name, parameters) ret(*name) parameters;
struct ap_real {
	AP_WRAPPED(AP_REAL_FIELD)
};
#undef AP_REAL_FIELD

extern struct ap_real ap_real;

/** ap_real_resolve() - dlsym(RTLD_NEXT) of one function, stored in its field. Return: the field's value. */
void *ap_real_resolve(const char *name, void **field);

/** AP_REAL() - the function behind ours. */
#define AP_REAL(name)                                                                              \
	((__typeof__(ap_real.name))(ap_real.name                                                   \
					    ? (void *)ap_real.name                                 \
					    : ap_real_resolve(#name, (void **)&ap_real.name)))

#endif
