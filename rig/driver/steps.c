/* See steps.h. */
#include "rig/driver/steps.h"

#include <assert.h>
#include <stdlib.h>

#define SPARE 8

struct steps {
	struct dialogue *dialogue;
	unsigned count, at;
	struct {
		int what;
		double value;
	} step[STEPS_MAX];
	void (*good)(void *device, unsigned arg);
	void *device;
	unsigned arg;
	device_done_fn done;
	void *ctx;
	bool used; /* of the spare ones */
};

/* A computer without memory must be able to stop its pen. */
static struct steps spare[SPARE];

static struct steps *take_spare(void)
{
	for (unsigned i = 0; i < SPARE; i++)
		if (!spare[i].used) {
			spare[i] = (struct steps){.used = true};
			return &spare[i];
		}
	return NULL;
}

static void give_back(struct steps *steps)
{
	if (steps >= spare && steps < spare + SPARE)
		steps->used = false;
	else
		free(steps);
}

struct steps *steps_new(struct dialogue *dialogue, device_done_fn done, void *ctx)
{
	struct steps *steps = calloc(1, sizeof(*steps));

	steps = steps ? steps : take_spare();
	assert(steps); /* a done that is lost is worse: somebody would wait for it for ever */
	steps->dialogue = dialogue;
	steps->done = done;
	steps->ctx = ctx;
	return steps;
}

void steps_add(struct steps *steps, int what, double value)
{
	assert(steps->count < STEPS_MAX);
	steps->step[steps->count].what = what;
	steps->step[steps->count++].value = value;
}

void steps_then(struct steps *steps, void (*good)(void *device, unsigned arg), void *device, unsigned arg)
{
	steps->good = good;
	steps->device = device;
	steps->arg = arg;
}

static void step_done(void *ctx, int status, const struct err *err)
{
	struct steps *steps = ctx;

	if (status == 0 && ++steps->at < steps->count) {
		steps_go(steps);
		return;
	}
	if (status == 0 && steps->good)
		steps->good(steps->device, steps->arg);
	if (steps->done)
		steps->done(steps->ctx, status, err);
	give_back(steps);
}

static struct dialogue_request request_of(struct steps *steps)
{
	return (struct dialogue_request){.what = steps->step[steps->at].what,
					 .value = steps->step[steps->at].value,
					 .done = step_done,
					 .ctx = steps};
}

void steps_go(struct steps *steps)
{
	const struct dialogue_request request = request_of(steps);

	dialogue_submit(steps->dialogue, &request);
}

void steps_stop(struct steps *steps)
{
	const struct dialogue_request request = request_of(steps);

	dialogue_stop(steps->dialogue, &request);
}
