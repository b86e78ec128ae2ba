/* SPDX-License-Identifier: MIT */
/* tests/support/ap_check.c - see ap_check.h. */
#include "tests/support/ap_check.h"

#include <stdlib.h>

int ap_check_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	const int tap =
		getenv("MESON_TEST_ITERATION") != NULL || getenv("MESON_BUILD_ROOT") != NULL;

	if (tap) {
		srunner_set_tap(runner, "-");
		srunner_run_all(runner, CK_SILENT);
	} else {
		srunner_run_all(runner, CK_NORMAL);
	}
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return tap || failed == 0 ? 0 : 1;
}
