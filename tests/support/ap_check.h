/* SPDX-License-Identifier: MIT */
/* tests/support/ap_check.h - main() of every check suite: TAP for meson, plain text by hand. */
#ifndef AP_TESTS_SUPPORT_CHECK_H
#define AP_TESTS_SUPPORT_CHECK_H

#include <check.h>

/** ap_check_main() - run @suite; under meson (its variables are set) print TAP and return 0. */
int ap_check_main(Suite *suite);

#endif
