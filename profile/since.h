/* SPDX-License-Identifier: MIT */
/* profile/since.h - what came after a reset: a profile without what an earlier one of the same process has. */
#ifndef AP_PROFILE_SINCE_H
#define AP_PROFILE_SINCE_H

#include "profile/profile.h"

/**
 * ap_profile_since() - take @past out of @profile
 * @past: read from a copy of the same spool as it was then, without calls for what was open
 *
 * Counts, times, histograms and categories are differences. A call that was under way then counts with its whole time
 * in distributions, and with its time since then in sums. The shortest and longest calls are those of histograms, but for
 * what is beyond all that there was in @past. Of estimates the standard error is that of what is left: the root of what the square of
 * the whole one's is larger by, or the same part of what is left as before, whichever is more. Nothing falls below 0, whatever is in @past.
 *
 * Return: 0 or -ENOMEM: @profile can only be freed. */
int ap_profile_since(struct ap_profile *profile, const struct ap_profile *past);

#endif
