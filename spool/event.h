/* SPDX-License-Identifier: MIT */
/* spool/event.h - the 16-byte event: what a hook stores and what a fold reads.
 *
 *  word 0: function 47 | kind 2 | lap 2 | stack pointer's top 3 | call site 10     (low bits first)
 *  word 1: time 48 | stack pointer's low 16
 *
 * The stack pointer counts in units of 16 bytes modulo 8 MiB. A hook stores word 1 first and word 0 last:
 * a slot whose lap is not its chunk's lap is a hole. Function addresses are shifted by AP_FUNCTION_SHIFT
 * so that 47 bits suffice (x86-64: 0; aarch64, 48-bit addresses of 4-byte aligned code: 1).
 *
 * Special events carry a subject in the low 8 bits of the function field and a value in the upper 39. */
#ifndef AP_SPOOL_EVENT_H
#define AP_SPOOL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__aarch64__)
#define AP_FUNCTION_SHIFT 1
#else
#define AP_FUNCTION_SHIFT 0
#endif

struct ap_event {
	uint64_t word;
	uint64_t time;
};

enum ap_event_kind {
	AP_EVENT_EXIT = 0,
	AP_EVENT_ENTER = 1,
	AP_EVENT_SPECIAL = 2,
};

enum ap_special {
	AP_SPECIAL_GAP =
		1, /* value: ticks in units of 16 spent in a slow path since the event before */
	AP_SPECIAL_UNWIND =
		2, /* value: stack pointer >> 4 reached by longjmp; frames below it are gone */
	AP_SPECIAL_ALTSTACK = 4, /* value: AP_ALTSTACK_VALUE: where handlers will run from now on */
	AP_SPECIAL_CATCH = 3,  /* value: stack pointer >> 4 of the frame that caught an exception */
	AP_SPECIAL_WINDOW = 7, /* value: the group of the window that begins; 0: it is over */
	AP_SPECIAL_FIBER = 5,  /* value: fiber id: the thread goes on on this stack; 0 its own */
	AP_SPECIAL_FIBER_END = 6, /* value: fiber id: what is open there will not go on */
};

#define AP_EVENT_FUNCTION_BITS 47
#define AP_EVENT_FUNCTION_MASK ((1ull << AP_EVENT_FUNCTION_BITS) - 1)
#define AP_EVENT_KIND_SHIFT 47
#define AP_EVENT_LAP_SHIFT 49
#define AP_EVENT_STACK_TOP_SHIFT 51
#define AP_EVENT_SITE_SHIFT 54
#define AP_EVENT_KIND_MASK (3ull << AP_EVENT_KIND_SHIFT)
#define AP_EVENT_LAP_MASK (3ull << AP_EVENT_LAP_SHIFT)
#define AP_EVENT_STACK_TOP_MASK (7ull << AP_EVENT_STACK_TOP_SHIFT)
#define AP_EVENT_SITE_MASK (0x3ffull << AP_EVENT_SITE_SHIFT)
#define AP_EVENT_TIME_MASK ((1ull << 48) - 1)

#define AP_SPECIAL_UNIT_SHIFT 4
#define AP_SPECIAL_VALUE_BITS 39

static inline enum ap_event_kind ap_event_kind(uint64_t word)
{
	return (enum ap_event_kind)((word & AP_EVENT_KIND_MASK) >> AP_EVENT_KIND_SHIFT);
}

static inline uint32_t ap_event_lap(uint64_t word)
{
	return (uint32_t)((word & AP_EVENT_LAP_MASK) >> AP_EVENT_LAP_SHIFT);
}

/** ap_event_address() - the function's address in the program. */
static inline uint64_t ap_event_address(uint64_t word)
{
	return (word & AP_EVENT_FUNCTION_MASK) << AP_FUNCTION_SHIFT;
}

static inline uint32_t ap_event_site(uint64_t word)
{
	return (uint32_t)(word >> AP_EVENT_SITE_SHIFT);
}

/** ap_event_stack() - the stack pointer modulo 8 MiB, in units of 16 bytes (19 bits). */
static inline uint32_t ap_event_stack(uint64_t word, uint64_t time)
{
	return (uint32_t)((word & AP_EVENT_STACK_TOP_MASK) >> AP_EVENT_STACK_TOP_SHIFT) << 16 |
	       (uint32_t)(time >> 48);
}

/** ap_event_enter_word(), ap_event_exit_word() - word 0 as the hooks make it (lap already shifted). */
static inline uint64_t ap_event_make_word(uint64_t address, enum ap_event_kind kind, uint32_t lap,
					  uint64_t stack_pointer, uint64_t call_site)
{
	return ((address >> AP_FUNCTION_SHIFT) & AP_EVENT_FUNCTION_MASK) |
	       (uint64_t)kind << AP_EVENT_KIND_SHIFT | (uint64_t)lap << AP_EVENT_LAP_SHIFT |
	       ((stack_pointer << 31) & AP_EVENT_STACK_TOP_MASK) | call_site << AP_EVENT_SITE_SHIFT;
}

static inline uint64_t ap_event_make_time(uint64_t ticks, uint64_t stack_pointer)
{
	return (ticks & AP_EVENT_TIME_MASK) | (stack_pointer >> 4) << 48;
}

static inline enum ap_special ap_special_subject(uint64_t word)
{
	return (enum ap_special)(word & 0xff);
}

static inline uint64_t ap_special_value(uint64_t word)
{
	return (word & AP_EVENT_FUNCTION_MASK) >> 8;
}

/** ap_event_is_gap() - is what lies between this event and the one before the profiler's own time? */
static inline bool ap_event_is_gap(uint64_t word)
{
	return ap_event_kind(word) == AP_EVENT_SPECIAL &&
	       ap_special_subject(word) == AP_SPECIAL_GAP;
}

/** ap_special_make_word() - too long a gap is cut; of a stack pointer, all 64 bits of which do not fit, the
 * low bits count (a fold compares 19 of them). */
static inline uint64_t ap_special_make_word(enum ap_special subject, uint64_t value, uint32_t lap)
{
	const uint64_t most = (1ull << AP_SPECIAL_VALUE_BITS) - 1;
	const uint64_t fits = subject == AP_SPECIAL_GAP && value > most ? most : value & most;
	return (uint64_t)subject | fits << 8 | (uint64_t)AP_EVENT_SPECIAL << AP_EVENT_KIND_SHIFT |
	       (uint64_t)lap << AP_EVENT_LAP_SHIFT;
}

/** ap_event_ahead() - ticks from a full time to that of an event shortly after it.
 *
 * A stamp is taken before the slot is reserved, so a handler between the two stores later times into
 * earlier slots: steps back of up to 2^40 ticks (minutes) are taken as steps back, not as a wrap.
 * They are results of AP_EVENT_BACK or more. */
static inline uint64_t ap_event_ahead(uint64_t time, uint64_t before)
{
	return (time - before) << 16 >> 16;
}
#define AP_EVENT_BACK ((1ull << 48) - (1ull << 40))

/** ap_event_time() - full time of an event, given the full time of one shortly before it. */
static inline uint64_t ap_event_time(uint64_t time, uint64_t before)
{
	const uint64_t ahead = ap_event_ahead(time, before);
	return before + ahead - (ahead >= AP_EVENT_BACK ? 1ull << 48 : 0);
}

/* What a new enter says of the frame on top of the stack, by stack pointer and call site. */
enum ap_frame_verdict {
	AP_FRAME_ALIVE, /* the new call is below it, or inlined into it, or on another stack */
	AP_FRAME_GONE,	/* its stack frame does not exist any more */
};

/* Larger steps up are taken as a change of stack: nothing is concluded from them. */
#define AP_RESYNC_MOST_UNITS (1u << 16) /* 1 MiB */
/* An announced jump goes up for certain, but for a change of stack. */
#define AP_UNWIND_MOST_UNITS (7 * AP_RESYNC_MOST_UNITS)

/**
 * ap_frame_verdict() - is the frame below a new call still there?
 * @frame_stack, @frame_site: of the open frame's enter event
 * @stack, @site: of the new enter event
 *
 * Stacks grow down. A call of a live frame has a smaller stack pointer; an inlined one has the same stack
 * pointer and the same call site. The same stack pointer with another call site means that the older
 * frame is gone; so does a stack pointer above it. Shared by the fold and by the reader. */
static inline enum ap_frame_verdict ap_frame_verdict(uint32_t frame_stack, uint32_t frame_site,
						     uint32_t stack, uint32_t site)
{
	const uint32_t up = (stack - frame_stack) & 0x7ffffu;
	if (up == 0)
		return site == frame_site ? AP_FRAME_ALIVE : AP_FRAME_GONE;
	return up <= AP_RESYNC_MOST_UNITS ? AP_FRAME_GONE : AP_FRAME_ALIVE;
}

/** A thread's alternate signal stack, in units of a stack pointer's 19 bits. units 0: none;
 * AP_ALTSTACK_UNKNOWN: it cannot be told from the other one, nothing is concluded from stack pointers. */
struct ap_altstack {
	uint32_t start;
	uint32_t units;
};
#define AP_ALTSTACK_UNKNOWN 0xfffffu
#define AP_ALTSTACK_VALUE(start, units) ((uint64_t)(start) | (uint64_t)(units) << 19)

static inline struct ap_altstack ap_altstack_of(uint64_t value)
{
	return (struct ap_altstack){(uint32_t)value & 0x7ffffu, (uint32_t)(value >> 19) & 0xfffffu};
}

static inline bool ap_altstack_known(const struct ap_altstack *alternate)
{
	return alternate->units && alternate->units <= 0x7ffffu;
}

static inline bool ap_altstack_holds(const struct ap_altstack *alternate, uint32_t stack)
{
	return ((stack - alternate->start) & 0x7ffffu) < alternate->units;
}

/** ap_frame_verdict_with() - ap_frame_verdict() in a thread with an alternate stack: a call there leaves the frames
 * of the other stack alone; a call on the other stack says that the handler is gone. */
static inline enum ap_frame_verdict ap_frame_verdict_with(const struct ap_altstack *alternate,
							  uint32_t frame_stack, uint32_t frame_site,
							  uint32_t stack, uint32_t site)
{
	if (alternate->units > 0x7ffffu)
		return AP_FRAME_ALIVE;
	const bool frame_there = ap_altstack_holds(alternate, frame_stack);
	if (frame_there != ap_altstack_holds(alternate, stack))
		return frame_there ? AP_FRAME_GONE : AP_FRAME_ALIVE;
	return ap_frame_verdict(frame_stack, frame_site, stack, site);
}

/** ap_frame_jumped() - is a frame gone after an announced jump to @target (longjmp, catch)?
 *
 * For where no frame has exactly that stack pointer (its function moved it by alloca, or is not instrumented); where one
 * has, what was called since is gone, wherever it lies. */
static inline bool ap_frame_jumped(const struct ap_altstack *alternate, uint32_t frame_stack,
				   uint32_t target)
{
	if (ap_altstack_known(alternate)) {
		const bool frame_there = ap_altstack_holds(alternate, frame_stack);
		if (frame_there != ap_altstack_holds(alternate, target))
			return frame_there;
	}
	const uint32_t up = (target - frame_stack) & 0x7ffffu;
	return up != 0 && up <= AP_UNWIND_MOST_UNITS;
}

#endif
