/* A run that goes on where an earlier one was interrupted: what was measured then stands in this run's file as well, and
 * nothing on the bench may be another than it was. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

#define TOGETHER 64 /* attempts that are handed to the writer before it is waited for: no device is open yet */

void resumed_begin(struct session *s)
{
	const struct record *r = s->record;
	struct err err; /* a file that fails is found by whoever looks at its status */

	for (unsigned i = 0; i < r->points; i++) {
		runfile_point_end(s->runfile, i, &r->point[i]);
		if (i % TOGETHER == TOGETHER - 1)
			runfile_sync(s->runfile, NULL, &err);
	}
	if (s->config.resume)
		journal_text(s, "event",
			     "goes on with the run %s at point %u of %u: %u entries of its journal, head %s",
			     r->session[r->sessions - 1].name, s->at.point + 1, s->config.point_count,
			     (unsigned)r->session[r->sessions - 1].entries, r->session[r->sessions - 1].head);
}

/* What of a device must be the same, in words for whoever reads why it is refused. */
struct trait {
	const char *label;
	size_t at; /* of a text in struct record_device */
};

#define TRAIT(label_, member)                                                                                          \
	{                                                                                                              \
		.label = label_, .at = offsetof(struct record_device, member)                                          \
	}
static const struct trait traits[] = {
	TRAIT("name", name),
	TRAIT("role", role),
	TRAIT("driver", driver),
	TRAIT("maker", identity.maker),
	TRAIT("model", identity.model),
	TRAIT("serial number", identity.serial),
	TRAIT("firmware", identity.firmware),
	TRAIT("calibration", identity.calibration_id),
	TRAIT("calibration's due day", identity.calibration_due),
	TRAIT("cartridge", identity.cartridge),
	TRAIT("stage at the dial", identity.dial),
	TRAIT("profile", identity.profile_sha256),
	TRAIT("certificate", calibration.certificate),
	TRAIT("certificate's day", calibration.date),
	TRAIT("certificate's due day", calibration.due),
};

static int check_traits(const char *who, const struct record_device *now, const struct record_device *then,
			struct err *err)
{
	for (unsigned i = 0; i < sizeof(traits) / sizeof(traits[0]); i++) {
		const char *a = (const char *)now + traits[i].at, *b = (const char *)then + traits[i].at;
		if (strcmp(a, b) != 0)
			return err_set(
				err, -EINVAL,
				"the %s is not as it was in the interrupted run: its %s is \"%.80s\" now and was "
				"\"%.80s\" then",
				who, traits[i].label, a[0] ? a : "none", b[0] ? b : "none");
	}
	return 0;
}

static bool same_channel(const struct channel *a, const struct channel *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->unit, b->unit) == 0 && a->quantity == b->quantity &&
	       a->stream == b->stream && a->position == b->position && a->bits == b->bits && a->rate_hz == b->rate_hz &&
	       a->scale == b->scale && a->offset == b->offset && a->range_lo == b->range_lo &&
	       a->range_hi == b->range_hi;
}

static int check_same_channels(const char *who, const struct record_device *now, const struct record_device *then,
			       struct err *err)
{
	bool same = now->channels == then->channels;

	for (unsigned i = 0; same && i < now->channels; i++)
		same = same_channel(&now->channel[i], &then->channel[i]);
	return same ? 0
		    : err_set(err, -EINVAL,
			      "the %s is not as it was in the interrupted run: its channels are others, or scaled "
			      "otherwise",
			      who);
}

/* Strokes of a cartridge only grow: fewer are those of another, or of one that was taken off and reset. */
static int check_wear(const char *who, const struct record_device *now, const struct record_device *then,
		      struct err *err)
{
	if (now->identity.cartridge_strokes >= then->identity.cartridge_strokes &&
	    now->identity.needles == then->identity.needles)
		return 0;
	return err_set(
		err, -EINVAL,
		"the cartridge of the %s is not that of the interrupted run: it tells of %llu strokes and %u needles "
		"now, and told of %llu and %u then",
		who, (unsigned long long)now->identity.cartridge_strokes, now->identity.needles,
		(unsigned long long)then->identity.cartridge_strokes, then->identity.needles);
}

int resumed_check(const struct session *s, struct err *err)
{
	const struct record *before = s->config.resume ? s->config.resume->before : NULL;
	int status = 0;

	if (!before)
		return 0;
	if (s->record->devices != before->devices)
		return err_set(err, -EINVAL, "the bench has %u devices now and had %u in the interrupted run",
			       s->record->devices, before->devices);
	for (unsigned i = 0; i < before->devices && !status; i++) {
		const struct record_device *now = &s->record->device[i], *then = &before->device[i];
		char who[96];
		attached_label(&s->device[i], who, sizeof(who));
		status = check_traits(who, now, then, err);
		if (!status)
			status = check_same_channels(who, now, then, err);
		if (!status)
			status = check_wear(who, now, then, err);
	}
	return status;
}
