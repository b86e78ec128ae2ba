/* SPDX-License-Identifier: MIT */
/* preload/wrap_unwind.c - control that leaves frames without their exit hooks: longjmp, caught exceptions.
 *
 * gcc calls exit hooks while an exception unwinds, clang does not, longjmp never does. Both tell where the
 * stack will be; the fold closes what lies below. */
#include <setjmp.h>

#include "preload/real.h"

static void unwinding_to(const void *buffer)
{
	const uint64_t stack_pointer = ap_arch_jmpbuf_sp(buffer);
	if (stack_pointer)
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

/* The catching function's own enter hook had this stack pointer or a larger one, so it stays. */
EXPORT void *__cxa_begin_catch(void *exception);
EXPORT void *__cxa_begin_catch(void *exception)
{
	ap_record_special(AP_SPECIAL_CATCH, ap_arch_caller_sp() >> 4);
	return AP_REAL(__cxa_begin_catch)(exception);
}
