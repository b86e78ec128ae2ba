/* SPDX-License-Identifier: MIT */
/* preload/wrap_unwind.c - control that leaves frames without their exit hooks: longjmp, caught exceptions.
 *
 * gcc calls exit hooks while an exception unwinds, clang does not, longjmp never does. Both tell where the
 * stack will be; the fold closes what lies below. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>

#include "preload/real.h"
#include "runtime/sys.h"

static void unwinding_to(const void *buffer)
{
	const uint64_t stack_pointer = ap_arch_jmpbuf_sp(buffer);
	if (!stack_pointer)
		return;
	ap_fiber_switch(ap_fiber_of_stack(stack_pointer)); /* coroutines jump from stack to stack */
	ap_record_special(AP_SPECIAL_UNWIND, stack_pointer >> 4);
}

#undef longjmp
#undef siglongjmp

EXPORT void longjmp(jmp_buf buffer, int value)
{
	unwinding_to(buffer);
	AP_REAL(longjmp)(buffer, value);
	__builtin_unreachable();
}

EXPORT void _longjmp(jmp_buf buffer, int value)
{
	longjmp(buffer, value);
}

EXPORT void siglongjmp(sigjmp_buf buffer, int value)
{
	unwinding_to(buffer);
	AP_REAL(siglongjmp)(buffer, value);
	__builtin_unreachable();
}

EXPORT void __longjmp_chk(jmp_buf buffer, int value);
EXPORT void __longjmp_chk(jmp_buf buffer, int value)
{
	unwinding_to(buffer);
	AP_REAL(__longjmp_chk)(buffer, value);
	__builtin_unreachable();
}

typedef void *(*catch_fn)(void *);

/* What the object that holds @caller sees by itself. */
static catch_fn catch_in_scope_of(void *caller)
{
	struct dl_find_object object;
	if (_dl_find_object(caller, &object) != 0)
		return NULL;
	void *handle = dlopen(object.dlfo_link_map->l_name, RTLD_LAZY | RTLD_NOLOAD);
	void *found = handle ? dlsym(handle, "__cxa_begin_catch") : NULL;
	if (handle)
		AP_REAL(dlclose)(handle);
	dlerror(); /* of the look-up before: not the program's */
	return (catch_fn)found;
}

/* A library loaded with RTLD_LOCAL into a C program brings a C++ runtime that RTLD_NEXT does not see, and another
 * such library may bring another one: only what is found for everybody is remembered. */
static catch_fn real_begin_catch(void *caller)
{
	if (ap_real.__cxa_begin_catch)
		return ap_real.__cxa_begin_catch;
	const int saved = errno;
	void *found = ap_real_resolve("__cxa_begin_catch", (void **)&ap_real.__cxa_begin_catch);
	if (!found)
		found = (void *)catch_in_scope_of(caller);
	errno = saved;
	return (catch_fn)found;
}

/* The catching function's own enter hook had this stack pointer or a larger one, so it stays. */
EXPORT void *__cxa_begin_catch(void *exception);
EXPORT void *__cxa_begin_catch(void *exception)
{
	ap_record_special(AP_SPECIAL_CATCH, ap_arch_caller_sp() >> 4);
	return real_begin_catch(__builtin_return_address(0))(exception);
}
