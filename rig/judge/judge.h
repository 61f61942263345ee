/* Which limit meets which result, and what a point comes to. Pure: live and in replay. */
#ifndef PENRIG_JUDGE_JUDGE_H
#define PENRIG_JUDGE_JUDGE_H

#include "rig/config/plan.h"
#include "rig/record/record.h"

/* Gives every result the limit of its step that it meets and judges it, forgetting what it met before; then outcome and
 * reason. A required limit that met no result of a point that came to its results (collected) becomes one of its own,
 * behind the others: no value, inconclusive, "not measured". point->fault as the run saw it. */
void judge_point(const struct plan *plan, struct record_point *point, bool collected);
/* The same for the results of a sweep, which have no outcome together. */
void judge_sweep(const struct plan *plan, struct record_sweep *sweep);

/* Has it weight in the verdict: a limit, a required one, and nothing that the pen says of itself? */
bool judge_counts(const struct finding *finding);
/* What stays of a finding when a later attempt takes the place of its own: the outcome that the point cannot be better than.
 * What was trusted stays as it was judged. A value that was not trusted proves nothing, but one that is beyond its limit,
 * or in its guard band, is no pass either, where it is one that samples which are missing do not make (`stays` in its row);
 * nor is one that would fail but for the fault that ended the attempt, where that does not make it (`outlasts`).
 * ret_reason, where the outcome is no pass: why. */
enum outcome judge_what_stays(const struct record_point *point, const struct finding *finding, char ret_reason[240]);
/* Is the point inconclusive for no other reason than that samples are missing in the force or the displacement that its
 * findings rest on? Only of one that was measured just now. */
bool judge_lacks_samples(const struct record_point *point);
/* Is there nothing behind it but a limit that met no result? */
bool judge_is_unmet(const struct finding *finding);
/* Did one of the findings meet this limit, were it only by saying that nothing was measured? */
bool judge_met(const struct limit *limit, const struct finding *findings, unsigned count);
/* Does a sweep's result meet it, not a point's? */
bool judge_is_of_sweep(const struct limit *limit);

#define JUDGE_LABEL_MAX 72
/* The measurand as people read it in a reason: with the part that was judged where it stands for several. */
void judge_label(const struct result *result, char *ret, size_t size);
/* The attempt at `row` is the one that counts from now on, unless one before it failed: that one counts for good. */
void judge_supersede(struct record *record, unsigned row);

#endif
