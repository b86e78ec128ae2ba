/* SPDX-License-Identifier: MIT */
/* tests/support/model_check.h - what must be true of every model, whatever the spool said. */
#ifndef AP_TESTS_SUPPORT_MODEL_CHECK_H
#define AP_TESTS_SUPPORT_MODEL_CHECK_H

#include "profile/profile.h"

/** ap_model_check() - walk all of a model as its users do. Return: NULL, or what is wrong with it. */
const char *ap_model_check(const struct ap_profile *p);

#endif
