/* SPDX-License-Identifier: MIT */
/* odd_hooks - hooks that are called in ways that compilers have not; WAY says in which. Only in x86-64. */
#include "victim.h"

#define KNOWN __attribute__((noinline, used))

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static volatile unsigned long sink;

static KNOWN void known(void)
{
	sink++;
}

static KNOWN void other(void)
{
	sink++;
}

static KNOWN void third(void)
{
	sink++;
}

#if WAY == 0 /* in none */
static UNTRACED void odd(void)
{
}
#elif WAY == 1 /* through a register, into the stub */
static UNTRACED APART void odd(void)
{
	void (*hook)(void *, void *);

	__asm__("lea __cyg_profile_func_exit@PLT(%%rip), %0" : "=r"(hook));
	hook((void *)known, (void *)0);
}
#elif WAY == 2 /* its address is data */
static void (*const volatile hooks[])(void *, void *) = {__cyg_profile_func_exit};

static UNTRACED void odd(void)
{
	hooks[0]((void *)known, (void *)0);
}
#elif WAY == 3 /* for whomever the caller says */
static void *volatile kept;

static UNTRACED KNOWN void leave(void *function)
{
	kept = (void *)other;
	__cyg_profile_func_exit(function, (void *)0);
}

static UNTRACED void odd(void)
{
	leave((void *)known);
}
#elif WAY == 4 /* for what was popped to where something else was */
void odd(void);
__asm__(".text\n"
	".type odd, @function\n"
	"odd:\n"
	"	.cfi_startproc\n"
	"	sub $24, %rsp\n"
	"	.cfi_adjust_cfa_offset 24\n"
	"	lea known(%rip), %rax\n"
	"	mov %rax, 8(%rsp)\n"
	"	lea other(%rip), %rax\n"
	"	push %rax\n"
	"	pop 8(%rsp)\n"
	"	mov 8(%rsp), %rdi\n"
	"	xor %esi, %esi\n"
	"	call __cyg_profile_func_exit@PLT\n"
	"	add $24, %rsp\n"
	"	.cfi_adjust_cfa_offset -24\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size odd, . - odd\n");
#elif WAY == 5 /* where an exception arrives out of a call that something was pushed for */
void odd(void);
__asm__(".data\n"
	"personality:\n"
	"	.quad __gcc_personality_v0\n"
	".section .gcc_except_table, \"a\", @progbits\n"
	"pads:\n"
	"	.byte 0xff, 0xff, 1\n" /* what follows is in ULEB128 */
	"	.uleb128 pads_end - pads_start\n"
	"pads_start:\n"
	"	.uleb128 pushed - odd\n"
	"	.uleb128 popped - pushed\n"
	"	.uleb128 pad - odd\n"
	"	.uleb128 0\n"
	"pads_end:\n"
	".text\n"
	".type odd, @function\n"
	"odd:\n"
	"	.cfi_startproc\n"
	"	.cfi_personality 0x9b, personality\n"
	"	.cfi_lsda 0x1b, pads\n"
	"	sub $24, %rsp\n"
	"	.cfi_adjust_cfa_offset 24\n"
	"	lea other(%rip), %rax\n"
	"	mov %rax, (%rsp)\n"
	"	lea known(%rip), %rax\n"
	"	mov %rax, 8(%rsp)\n"
	"	push %rcx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_escape 0x2e, 8\n" /* DW_CFA_GNU_args_size */
	"pushed:\n"
	"	call third\n"
	"popped:\n"
	"	add $32, %rsp\n"
	"	.cfi_adjust_cfa_offset -32\n"
	"	ret\n"
	"pad:\n"
	"	.cfi_adjust_cfa_offset 24\n"
	"	mov 8(%rsp), %rdi\n"
	"	xor %esi, %esi\n"
	"	call __cyg_profile_func_exit@PLT\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	"	.size odd, . - odd\n");
#endif

int main(void)
{
	known();
	other();
	third();
	odd();
	return 0;
}
