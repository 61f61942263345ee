/* See host.h. */
#include "tests/unit/virtual/host.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_data(struct host *h, const uint8_t *p, size_t len)
{
	uint64_t first = 0;
	unsigned n = p[4 + 2] | p[4 + 3] << 8;

	for (int i = 0; i < 8; i++)
		first |= (uint64_t)p[8 + i] << 8 * i;
	if (p[4] == 1) {
		for (int c = 0; c < 3; c++)
			h->temperature[c] = 0.005 * (int16_t)(p[24 + 2 * c] | p[25 + 2 * c] << 8);
		h->temperatures++;
		return;
	}
	h->channels = (unsigned)((len - 24) / n / 3);
	assert_int_equal(len, 24 + (size_t)n * h->channels * 3);
	h->gaps += (p[5] & 2) != 0;
	if (first != h->samples && h->first_lost == UINT64_MAX)
		h->first_lost = h->samples;
	for (unsigned i = 0; i < n * h->channels; i++) {
		const uint8_t *c = p + 24 + 3 * i;
		int32_t v = (int32_t)((uint32_t)c[0] << 8 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 24) >> 8;
		uint64_t at = first + i / h->channels;

		if (at < HOST_SAMPLES_MAX)
			(i % h->channels ? h->displacement : h->force)[at] = v;
	}
	h->samples = first + n;
}

static void on_frame(struct host *h, const uint8_t *p, size_t len)
{
	uint16_t sequence = (uint16_t)(p[2] | p[3] << 8);

	if (p[1] & 0x80) {
		memcpy(h->reply, p, len);
		h->reply_len = len;
		return;
	}
	h->frames++;
	h->lost_frames += (uint16_t)(sequence - h->next_sequence);
	h->next_sequence = (uint16_t)(sequence + 1);
	if (p[1] == 0x40)
		on_data(h, p, len);
	else
		h->events++;
}

static void take(struct host *h, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = frame_take(&h->reader, data[i]);

		h->digest = (h->digest ^ data[i]) * 0x100000001B3ULL;
		if (n)
			on_frame(h, h->reader.packet, n);
	}
}

static void read_sensor(struct host *h)
{
	uint8_t data[4096];
	int n;

	if (model_identity(h->sensor)->bus == MODEL_SERIAL) {
		while ((n = (int)model_serial_out(h->sensor, data, sizeof(data))) > 0)
			take(h, data, (size_t)n);
		return;
	}
	while ((n = model_in(h->sensor, 0x82, data, 512)) >= 0) {
		take(h, data, (size_t)n);
		if (n < 512)
			h->short_packet_ns = h->now_ns;
	}
	if (h->now_ns - h->short_packet_ns > h->longest_open_ns)
		h->longest_open_ns = h->now_ns - h->short_packet_ns;
}

static void slice(struct host *h, uint64_t until_ns)
{
	h->now_ns = until_ns - h->now_ns < h->slice_ns ? until_ns : h->now_ns + h->slice_ns;
	world_advance(h->world, h->now_ns);
	read_sensor(h);
}

static size_t tmc_message(uint8_t *out, uint8_t tag, const char *line)
{
	size_t len = strlen(line);

	memset(out, 0, 12 + len + 4);
	memcpy(out, (const uint8_t[]){1, tag, (uint8_t)~tag, 0, (uint8_t)len, 0, 0, 0, 1}, 9);
	memcpy(out + 12, line, len);
	return 12 + (len + 3) / 4 * 4;
}

static int tmc_send(struct host *h, const char *line)
{
	uint8_t out[300];
	size_t len;
	int r = 0;

	h->tag = h->tag == 255 ? 1 : h->tag + 1;
	len = tmc_message(out, h->tag, line);
	for (size_t at = 0; at < len && r == 0; at += 64)
		r = model_out(h->pen, 0x01, out + at, len - at < 64 ? len - at : 64);
	return r;
}

static int tmc_answer(struct host *h, char *answer, size_t size)
{
	uint8_t request[12] = {2, 0, 0, 0, 0, 1}, data[400];
	uint64_t until_ns = h->now_ns + 20000000;
	size_t len = 0;
	int r;

	h->tag = h->tag == 255 ? 1 : h->tag + 1;
	request[1] = h->tag;
	request[2] = (uint8_t)~h->tag;
	r = model_out(h->pen, 0x01, request, 12);
	while (r == 0 && h->now_ns < until_ns) {
		slice(h, until_ns);
		r = model_in(h->pen, 0x81, data + len, 64);
		while (r == 64) {
			len += 64;
			r = model_in(h->pen, 0x81, data + len, 64);
		}
		if (r >= 0)
			len += (size_t)r;
		if (r >= 0)
			break;
		r = r == -EAGAIN ? 0 : r;
	}
	if (len < 12)
		return r;
	len = data[4] < size - 1 ? data[4] : size - 1;
	memcpy(answer, data + 12, len);
	answer[len] = '\0';
	return (int)len;
}

static int serial_ask(struct host *h, const char *line, char *answer, size_t size)
{
	uint64_t until_ns = h->now_ns + 60000000;
	size_t len = 0;

	model_serial_in(h->pen, (const uint8_t *)line, strlen(line));
	while (h->now_ns < until_ns && !(len > 0 && answer[len - 1] == '\n')) {
		slice(h, until_ns);
		len += model_serial_out(h->pen, (uint8_t *)answer + len, size - 1 - len);
	}
	answer[len] = '\0';
	return (int)len;
}

int host_ask(struct host *host, const char *line, char *answer, size_t size)
{
	int r;

	answer[0] = '\0';
	if (model_identity(host->pen)->bus == MODEL_SERIAL)
		return serial_ask(host, line, answer, size);
	r = tmc_send(host, line);
	return r || !strchr(line, '?') ? r : tmc_answer(host, answer, size);
}

void host_until(struct host *host, double t_s, bool heartbeat)
{
	uint64_t until_ns = (uint64_t)llround(t_s * 1e9);
	char answer[64];

	while (host->now_ns < until_ns) {
		uint64_t beat_ns = (host->now_ns / 100000000 + 1) * 100000000;

		while (host->now_ns < beat_ns && host->now_ns < until_ns)
			slice(host, beat_ns < until_ns ? beat_ns : until_ns);
		if (heartbeat && host->now_ns == beat_ns)
			host_ask(host, "SYST:HEAR\n", answer, sizeof(answer));
	}
}

bool host_request(struct host *host, uint8_t type, const uint8_t *body, size_t len)
{
	uint8_t packet[64] = {1, type, (uint8_t)++host->request, (uint8_t)(host->request >> 8)}, wire[FRAME_WIRE_MAX];
	uint64_t until_ns = host->now_ns + 20000000;
	size_t n;

	if (len)
		memcpy(packet + 4, body, len);
	n = frame_encode(packet, 4 + len, wire);
	host->reply_len = 0;
	if (model_identity(host->sensor)->bus == MODEL_SERIAL)
		model_serial_in(host->sensor, wire, n);
	else if (model_out(host->sensor, 0x01, wire, n))
		return false;
	while (host->now_ns < until_ns && host->reply_len == 0)
		slice(host, until_ns);
	return host->reply_len > 0 && host->reply[1] == (type | 0x80);
}

void host_run_pen(struct host *host, double rate_hz, double depth_mm)
{
	char line[160], answer[160];

	snprintf(line, sizeof(line), "*CLS;:SOUR:FREQ %g;DEPT %g;:SYST:DEAD 500;:OUTP ON;:SYST:ERR?;:OUTP?\n", rate_hz,
		 depth_mm);
	assert_true(host_ask(host, line, answer, sizeof(answer)) > 0);
	assert_string_equal(answer, "0,\"No error\";1\n");
}

void host_open(struct host *host, const struct world_config *config)
{
	struct err err;

	*host = (struct host){.slice_ns = 1000000, .first_lost = UINT64_MAX};
	host->force = calloc(HOST_SAMPLES_MAX, sizeof(int32_t));
	host->displacement = calloc(HOST_SAMPLES_MAX, sizeof(int32_t));
	if (world_new(config, &host->world, &err))
		fail_msg("%s", err.text);
	host->pen = world_device(host->world, 0);
	host->sensor = world_device(host->world, 1);
}

void host_close(struct host *host)
{
	world_free(host->world);
	free(host->force);
	free(host->displacement);
}

void host_start_sensor(struct host *host, double rate_hz)
{
	uint8_t body[12] = {0};

	memcpy(body + 4, &rate_hz, 8);
	assert_true(host_request(host, 1, NULL, 0));
	assert_true(host_request(host, 7, body, sizeof(body)));
	assert_int_equal(host->reply[4], 0);
	assert_true(host_request(host, 4, NULL, 0));
	assert_int_equal(host->reply[4], 0);
}
