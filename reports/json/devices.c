/* The devices of a run: who they are, how they were reached, what they measure and what was counted on the way. */
#include <stdio.h>
#include <string.h>

#include "reports/json/json.h"

static void put_identity(struct json_stream *out, const struct record_device *device)
{
	const struct device_identity *id = &device->identity;

	put_text(out, "maker", id->maker);
	put_text(out, "model", id->model);
	put_text(out, "serial", id->serial);
	put_text(out, "firmware", id->firmware);
	json_put_int(out, "protocol_version", id->protocol_version);
	if (id->profile[0]) {
		put_text(out, "profile", id->profile);
		put_text(out, "profile_sha256", id->profile_sha256);
	}
	if (id->loss[0])
		put_text(out, "loss_not_proven_absent", id->loss);
	put_text(out, "cartridge", id->cartridge);
	json_put_int(out, "needles", id->needles);
	json_put_u64(out, "cartridge_strokes", id->cartridge_strokes);
}

/* The device's own word and the bench file's, apart: a reader compares them. */
static void put_calibration(struct json_stream *out, const struct record_device *device)
{
	const struct calibration *c = &device->calibration;
	json_object(out, "calibration", JSON_LINE);

	put_text(out, "certificate", c->certificate);
	put_text(out, "laboratory", c->laboratory);
	put_text(out, "date", c->date);
	put_text(out, "due", c->due);
	put_text(out, "declared_certificate", device->identity.calibration_id);
	put_text(out, "declared_due", device->identity.calibration_due);
	json_end(out);
}

static void put_link(struct json_stream *out, const struct link_identity *link)
{
	char id[16];
	json_object(out, "link", JSON_LINE);

	snprintf(id, sizeof(id), "%04x:%04x", link->vid, link->pid);
	put_text(out, "uri", link->uri);
	put_text(out, "node", link->node);
	put_text(out, "port", link->port);
	put_text(out, "usb_id", link->vid || link->pid ? id : "");
	put_text(out, "serial", link->serial);
	put_text(out, "product", link->product);
	json_end(out);
}

static void put_counters(struct json_stream *out, const struct device_counters *c)
{
	json_object(out, "counters", JSON_LINE);

	json_put_u64(out, "frames", c->frames);
	json_put_u64(out, "crc_errors", c->crc_errors);
	json_put_u64(out, "resyncs", c->resyncs);
	json_put_u64(out, "lost_samples", c->lost_samples);
	json_put_u64(out, "repeated_requests", c->repeated_requests);
	json_put_u64(out, "odd_replies", c->odd_replies);
	json_put_u64(out, "bytes_in", c->link.bytes_in);
	json_put_u64(out, "bytes_out", c->link.bytes_out);
	json_put_u64(out, "stalls", c->link.stalls);
	json_put_u64(out, "short_transfers", c->link.short_transfers);
	json_put_u64(out, "failed_in", c->link.failed_in);
	put_index(out, "overruns", c->link.counters_known ? c->link.overruns : UINT64_MAX);
	put_index(out, "framing_errors", c->link.counters_known ? c->link.framing_errors : UINT64_MAX);
	json_end(out);
}

static void put_channels(struct json_stream *out, const struct record_device *device)
{
	json_array(out, "channels", JSON_LINES);

	for (unsigned i = 0; i < device->channels && i < CHANNELS_MAX; i++) {
		const struct channel *channel = &device->channel[i];
		json_object(out, NULL, JSON_LINE);
		put_text(out, "name", channel->name);
		put_text(out, "unit", channel->unit);
		json_put_int(out, "stream", channel->stream);
		json_put_int(out, "position", channel->position);
		json_put_int(out, "bits", channel->bits);
		put_real(out, "rate_hz", channel->rate_hz, EXACT);
		put_real(out, "scale", channel->scale, EXACT);
		put_real(out, "offset", channel->offset, EXACT);
		put_real(out, "range_lo", channel->range_lo, EXACT);
		put_real(out, "range_hi", channel->range_hi, EXACT);
		put_real(out, "noise_rms", channel->noise_rms, EXACT);
		put_real(out, "bandwidth_hz", channel->bandwidth_hz, EXACT);
		json_end(out);
	}
	json_end(out);
}

static void put_pen_limits(struct json_stream *out, const struct record_device *device)
{
	if (strcmp(device->role, "pen") != 0) {
		json_put_null(out, "limits");
		return;
	}
	json_object(out, "limits", JSON_LINE);
	put_real(out, "rate_min_hz", device->limits.rate_min_hz, EXACT);
	put_real(out, "rate_max_hz", device->limits.rate_max_hz, EXACT);
	put_real(out, "depth_min_mm", device->limits.depth_min_mm, EXACT);
	put_real(out, "depth_max_mm", device->limits.depth_max_mm, EXACT);
	json_end(out);
}

void json_put_devices(struct json_stream *out, const struct record *record)
{
	json_array(out, "devices", JSON_LINES);

	for (unsigned i = 0; i < record->devices && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *device = &record->device[i];
		json_object(out, NULL, JSON_LINES);
		if (device->name[0])
			put_text(out, "name", device->name);
		put_text(out, "role", device->role);
		put_text(out, "driver", device->driver);
		put_identity(out, device);
		put_calibration(out, device);
		put_link(out, &device->link);
		put_pen_limits(out, device);
		put_channels(out, device);
		put_real(out, "clock_ppm", device->clock_ppm, 6);
		put_real(out, "clock_standard_uncertainty_ppm", device->clock_u_ppm, 3);
		json_put_bool(out, "clock_applied", device->clock_applied);
		put_counters(out, &device->counters);
		json_end(out);
	}
	json_end(out);
}
