/* SPDX-License-Identifier: MIT */
/* tests/support/oracle_log.h - what the oracle writes and ap-compare reads: records without times.
 *
 * Each thread has a file ORACLE_DIR/PID.TID.log of these records. ORACLE_DIR/PID.maps holds copies of
 * /proc/PID/maps, so that addresses become module + offset. */
#ifndef AP_TESTS_SUPPORT_ORACLE_LOG_H
#define AP_TESTS_SUPPORT_ORACLE_LOG_H

#include <stdint.h>

/* BEGIN is a thread's first record. UNWIND: the calls made below `stack` are gone, by a longjmp or by an
 * exception that landed there. */
enum oracle_kind {
	ORACLE_ENTER = 1,
	ORACLE_EXIT = 2,
	ORACLE_BEGIN = 3,
	ORACLE_UNWIND = 4,
};

/* ORACLE_BEGIN and ORACLE_UNWIND have no function; ORACLE_BEGIN of a forked child has in `site` its parent's
 * pid : 32 (high) | tid : 32, and in `stack` the bytes of that thread's log at the fork. */
struct oracle_record {
	uint64_t what;	/* kind : 8 (high) | function : 56 */
	uint64_t site;	/* call site */
	uint64_t stack; /* stack pointer where the hook is called, or where an unwind ends */
};

#define ORACLE_WHAT(kind, function) ((uint64_t)(kind) << 56 | (uint64_t)(function))
#define ORACLE_KIND(what) ((enum oracle_kind)((what) >> 56))
#define ORACLE_FUNCTION(what) ((what) & ((1ull << 56) - 1))

#endif
