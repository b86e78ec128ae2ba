/* SPDX-License-Identifier: MIT */
/* profile/model.h - the model while it grows: functions and paths that only pending events mention. */
#ifndef AP_PROFILE_MODEL_H
#define AP_PROFILE_MODEL_H

#include "profile/reader.h"

/** ap_model_reserve() - room for this many functions and nodes, zeroed, in the model and beside it.
 * Return: 0 or -ENOMEM. */
int ap_model_reserve(struct ap_reader *r, size_t functions, size_t nodes);

/** ap_model_path() - join node @id to its parent: depth and whether it belongs to "(deeper)". */
void ap_model_path(struct ap_reader *r, uint32_t id);

/** ap_model_module_at() - index of the module that held @address @ticks; -1 for none. */
int32_t ap_model_module_at(const struct ap_reader *r, uint64_t address, uint64_t ticks);

/** ap_model_function() - the function at @address when it was @ticks; added when it is new.
 *
 * The same address may have been two functions, of modules that were loaded one after the other.
 * Return: 0 or -ENOMEM. */
int ap_model_function(struct ap_reader *r, uint64_t address, uint64_t ticks, uint32_t *ret);

/** ap_model_child() - the node of @function called from node @parent, with this mark (struct ap_node_sum); added when it is new. A path that
 * is too deep joins "(deeper)". Return: 0 or -ENOMEM. */
int ap_model_child(struct ap_reader *r, uint32_t parent, uint32_t function, uint32_t mark,
		   uint32_t *ret);

#endif
