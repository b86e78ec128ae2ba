/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_log.h - what the oracle writes and ap-compare reads: records without times.
 *
 * Each thread has a file ORACLE_DIR/PID.TID.log of these records. ORACLE_DIR/PID.maps holds copies of
 * /proc/PID/maps, so that addresses become module + offset. */
#ifndef AP_TESTS_SUPPORT_ORACLE_LOG_H
#define AP_TESTS_SUPPORT_ORACLE_LOG_H

#include <stdint.h>

enum oracle_kind {
	ORACLE_ENTER = 1,
	ORACLE_EXIT = 2,
	ORACLE_BEGIN = 3, /* a thread's first record; a forked child's says where its stack comes from */
	ORACLE_UNWIND = 4, /* calls made below `stack` are gone: a longjmp, or an exception that landed there */
};

struct oracle_record {
	uint64_t what;  /* kind : 8 (high) | function : 56; function 0 in ORACLE_BEGIN and ORACLE_UNWIND */
	uint64_t site;  /* call site; ORACLE_BEGIN: pid : 32 (high) | tid : 32 of the forking thread, or 0 */
	uint64_t stack; /* stack pointer where the hook is called; ORACLE_BEGIN: bytes of the forking thread's log at the fork */
};

#define ORACLE_WHAT(kind, function) ((uint64_t)(kind) << 56 | (uint64_t)(function))
#define ORACLE_KIND(what) ((enum oracle_kind)((what) >> 56))
#define ORACLE_FUNCTION(what) ((what) & ((1ull << 56) - 1))

#endif
