/* SPDX-License-Identifier: MIT */
/* everywhere.h - what the libraries of everywhere.c offer. */
#ifndef AP_TARGETS_EVERYWHERE_H
#define AP_TARGETS_EVERYWHERE_H

#ifdef __cplusplus
extern "C" {
#endif
void shared_work(int n);
void plugin_work(int n);
#ifdef __cplusplus
}
#endif

#endif
