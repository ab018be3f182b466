// SPDX-License-Identifier: Apache-2.0
/* Who comes to the stream's door of examples/vmm, and with what (docs/embedding.md, 5; docs/threats.md). */
#include "machine.h"
#include "support/descriptors.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 60000 /* longer than any machine is slow */

static const struct transport_id session = { { 1 } }, other = { { 2 } };

static struct stream_hello right_hello(void)
{
	return (struct stream_hello){
		.magic = STREAM_MAGIC,
		.item_size = sizeof(struct item),
		.devices_size = sizeof(struct devices),
		.n_vcpus = 2,
		.memory = MACHINE_MEMORY,
		.counter_hz = MACHINE_HZ,
		.session = session,
	};
}

static bool put(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool put_section(int fd, uint32_t type, uint64_t ipa, uint64_t length, const void *data,
			size_t len)
{
	const struct section section = { .type = type, .ipa = ipa, .length = length };

	return put(fd, &section, sizeof(section)) && (!len || put(fd, data, len));
}

/* A whole guest, as the right VMM sends it; its memory holds one page of @byte. */
static void send_guest(int fd, uint8_t byte)
{
	const struct stream_hello hello = right_hello();
	const struct devices devices = { .count = 5 };
	const struct item item = { .id = 1, .value = { byte } };
	uint8_t page[4096];

	memset(page, byte, sizeof(page));
	CHECK(put(fd, &hello, sizeof(hello)) &&
		      put_section(fd, SECTION_MEMORY, BOARD_RAM + 8192, sizeof(page), page,
				  sizeof(page)) &&
		      put_section(fd, SECTION_ITEMS, 0, sizeof(item), &item, sizeof(item)) &&
		      put_section(fd, SECTION_DEVICES, 0, sizeof(devices), &devices,
				  sizeof(devices)) &&
		      put_section(fd, SECTION_END, 0, 0, NULL, 0),
	      "a guest is sent");
}

/* Is who has connected sent away? */
static bool is_sent_away(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;
	const bool away = poll(&pfd, 1, WAIT_MS) == 1 && read(fd, &byte, 1) <= 0;

	close(fd);
	return away;
}

/* Nothing but the page that came, and zeroes. Once the guest is whole its memory is nobody else's */
static bool holds_only(const struct machine *machine, size_t at, uint8_t byte)
{
	for (size_t i = 0; i < MACHINE_MEMORY; i++)
		if (machine->vmm.ram[i] != (i >= at && i < at + 4096 ? byte : 0))
			return false;
	return true;
}

/* The right one comes, and is taken. */
static void check_comes(struct machine *machine, uint8_t byte, const char *promise)
{
	const int fd = machine_knock(machine);

	send_guest(fd, byte);
	CHECK(machine_load(machine, WAIT_MS) == 0 && holds_only(machine, 8192, byte) &&
		      machine->item[1] == byte && machine->vmm.count == 5,
	      promise);
	close(fd);
}

static void test_the_right_one_is_taken(void)
{
	struct machine machine;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	CHECK(machine_load(&machine, 0) == -EINPROGRESS, "nobody has come");
	machine_reserve(&machine, &session);
	check_comes(&machine, 3, "a guest comes whole");
	machine_free(&machine);
}

static void test_silence_does_not_hold_up_the_right_one(void)
{
	struct machine machine;
	int silent[10]; /* one after the other would take longer than anybody waits */

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	machine_reserve(&machine, &session);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = machine_knock(&machine);
	CHECK(put(silent[1], "V", 1), "one of them says a little");
	check_comes(&machine, 4, "it comes all the same");
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		CHECK(is_sent_away(silent[i]), "and the others go");
	machine_free(&machine);
}

static void test_a_crowd_has_a_bound(void)
{
	enum { CROWD = 100 };
	struct machine machine;
	unsigned int before;
	int silent[CROWD];

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	machine_reserve(&machine, &session);
	before = count_descriptors();
	for (size_t i = 0; i < CROWD; i++)
		silent[i] = machine_knock(&machine);
	for (size_t i = 0; i < CROWD - MAX_VISITORS; i++)
		CHECK(is_sent_away(silent[i]), "who has been silent longest makes room");
	CHECK(count_descriptors() <= before + 2 * MAX_VISITORS,
	      "so many and no more are listened to");
	check_comes(&machine, 5, "the right one comes through the crowd");
	for (size_t i = CROWD - MAX_VISITORS; i < CROWD; i++)
		CHECK(is_sent_away(silent[i]), "which is gone then");
	machine_free(&machine);
}

static void test_strangers_are_sent_away(void)
{
	static const struct transport_id none = { { 0 } };
	const struct {
		const char *promise;
		size_t offset;
		uint64_t value;
		size_t size;
	} row[] = {
#define FIELD(text, member, number)                            \
	{ text, offsetof(struct stream_hello, member), number, \
	  sizeof(((struct stream_hello *)0)->member) > 8       \
		  ? 8                                          \
		  : sizeof(((struct stream_hello *)0)->member) }
		FIELD("another protocol", magic, 0x20544547),
		FIELD("an older version", magic, STREAM_MAGIC - 0x1000000),
		FIELD("another size of items", item_size, 1),
		FIELD("another size of devices", devices_size, 0),
		FIELD("fewer vCPUs", n_vcpus, 1),
		FIELD("more vCPUs", n_vcpus, UINT32_MAX),
		FIELD("less memory", memory, 0),
		FIELD("more memory", memory, UINT64_MAX),
		FIELD("another counter", counter_hz, 1),
		FIELD("another session", session, 2),
		FIELD("no session", session, 0),
#undef FIELD
	};
	struct machine machine;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	for (int reserved = 0; reserved < 2; reserved++) {
		machine_reserve(&machine, reserved ? &session : &none);
		for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
			struct stream_hello hello = right_hello();
			const int fd = machine_knock(&machine);

			memcpy((char *)&hello + row[i].offset, &row[i].value, row[i].size);
			CHECK(put(fd, &hello, sizeof(hello)) && is_sent_away(fd), row[i].promise);
		}
	}
	check_comes(&machine, 6, "the right one is not among them");
	machine_free(&machine);
}

static void test_nobody_is_right_before_a_session_has_the_vm(void)
{
	const struct stream_hello hello = right_hello();
	struct machine machine;
	int fd;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	fd = machine_knock(&machine);
	CHECK(put(fd, &hello, sizeof(hello)) && is_sent_away(fd), "too early");
	machine_reserve(&machine, &other);
	fd = machine_knock(&machine);
	CHECK(put(fd, &hello, sizeof(hello)) && is_sent_away(fd), "not to another session");
	machine_reserve(&machine, &session);
	check_comes(&machine, 7, "then it is");
	machine_free(&machine);
}

/* What a sender that names the right session can do wrong behind it. */
struct mischief {
	const char *promise;
	struct {
		uint32_t type;
		uint64_t ipa, length;
		size_t len; /* bytes that follow */
	} section[5];
	unsigned int n;
};

#define PAGE_AT(page)                                                 \
	{                                                             \
		SECTION_MEMORY, BOARD_RAM + 4096 * (page), 4096, 4096 \
	}
#define MEMORY(ipa, n)                    \
	{                                 \
		SECTION_MEMORY, ipa, n, 0 \
	}
#define ITEMS(n)                                           \
	{                                                  \
		SECTION_ITEMS, 0, n, (n) < 65536 ? (n) : 0 \
	}
#define ITEM ITEMS(sizeof(struct item))
#define DEVICES                                                                    \
	{                                                                          \
		SECTION_DEVICES, 0, sizeof(struct devices), sizeof(struct devices) \
	}
#define END                          \
	{                            \
		SECTION_END, 0, 0, 0 \
	}

static const struct mischief mischiefs[] = {
	{ "an end at once", { END }, 1 },
	{ "an end without items", { PAGE_AT(0), DEVICES, END }, 3 },
	{ "an end without devices", { ITEM, END }, 2 },
	{ "an end with something in it", { ITEM, DEVICES, { SECTION_END, 0, 8, 0 } }, 3 },
	{ "a section nobody knows", { { SECTION_END + 1, 0, 0, 0 } }, 1 },
	{ "a section from far away", { { UINT32_MAX, 0, 0, 0 } }, 1 },
	{ "memory below", { MEMORY(BOARD_RAM - 4096, 4096) }, 1 },
	{ "memory above", { MEMORY(BOARD_RAM + MACHINE_MEMORY, 1) }, 1 },
	{ "memory across the end", { MEMORY(BOARD_RAM + MACHINE_MEMORY - 1, 2) }, 1 },
	{ "memory around the end", { MEMORY(UINT64_MAX, 2) }, 1 },
	{ "no memory", { MEMORY(BOARD_RAM, 0) }, 1 },
	{ "all memory there is", { MEMORY(BOARD_RAM, UINT64_MAX) }, 1 },
	{ "memory twice", { PAGE_AT(1), PAGE_AT(1) }, 2 },
	{ "memory backwards", { PAGE_AT(1), PAGE_AT(0) }, 2 },
	{ "memory behind the items", { ITEM, PAGE_AT(0) }, 2 },
	{ "items twice", { ITEM, ITEM }, 2 },
	{ "no items", { ITEMS(0) }, 1 },
	{ "half an item", { ITEMS(sizeof(struct item) / 2) }, 1 },
	{ "too many items", { ITEMS((MAX_ITEMS + 1) * sizeof(struct item)) }, 1 },
	{ "items without end", { ITEMS(UINT64_MAX) }, 1 },
	{ "items behind the devices", { DEVICES, ITEM }, 2 },
	{ "devices twice", { ITEM, DEVICES, DEVICES }, 3 },
	{ "small devices", { ITEM, { SECTION_DEVICES, 0, 1, 1 } }, 2 },
	{ "large devices", { ITEM, { SECTION_DEVICES, 0, UINT64_MAX, 0 } }, 2 },
};

static void play(struct machine *machine, const struct mischief *mischief)
{
	static const uint8_t bytes[65536] = { [8] = 9 };
	const struct stream_hello hello = right_hello();
	const int fd = machine_knock(machine);
	bool sent = put(fd, &hello, sizeof(hello));

	/* Who is sent away meanwhile cannot say all of it. */
	for (unsigned int i = 0; i < mischief->n && sent; i++)
		sent = put_section(fd, mischief->section[i].type, mischief->section[i].ipa,
				   mischief->section[i].length, bytes, mischief->section[i].len);
	CHECK(is_sent_away(fd), mischief->promise);
}

static void test_a_liar_leaves_nothing_behind(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mischiefs); i++) {
		struct machine machine;

		REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
		machine_reserve(&machine, &session);
		play(&machine, &mischiefs[i]);
		CHECK(machine_load(&machine, 0) == -EINPROGRESS, "that was no guest");
		check_comes(&machine, 8, "the next one is taken as if nothing had been");
		machine_free(&machine);
	}
}

static void test_devices_are_looked_at(void)
{
	const struct stream_hello hello = right_hello();
	const struct devices devices = { .uart.n_fifo = 17 };
	const struct item item = { .id = 1 };
	struct machine machine;
	int fd;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	machine_reserve(&machine, &session);
	fd = machine_knock(&machine);
	CHECK(put(fd, &hello, sizeof(hello)) &&
		      put_section(fd, SECTION_ITEMS, 0, sizeof(item), &item, sizeof(item)) &&
		      put_section(fd, SECTION_DEVICES, 0, sizeof(devices), &devices,
				  sizeof(devices)) &&
		      is_sent_away(fd),
	      "a console that holds more than it can is refused");
	check_comes(&machine, 2, "with all that came before");
	machine_free(&machine);
}

/* A sender that dies, at each byte of its headers and some of its memory. */
static void test_a_guest_that_breaks_off_leaves_nothing_behind(void)
{
	static uint8_t whole[sizeof(struct stream_hello) + 4 * sizeof(struct section) + 4096 +
			     sizeof(struct item) + sizeof(struct devices)];
	struct machine machine;
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "a pair of sockets");
	send_guest(pair[0], 9);
	CHECK(recv(pair[1], whole, sizeof(whole), MSG_WAITALL) == sizeof(whole), "holds a guest");
	close(pair[0]);
	close(pair[1]);
	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	machine_reserve(&machine, &session);
	for (size_t len = 0; len<sizeof(whole); len += len> 128 && len < 4096 ? 509
			     : len > 4096                                     ? 13
									      : 1) {
		const int fd = machine_knock(&machine);

		CHECK(!len || put(fd, whole, len), "a part comes");
		CHECK(shutdown(fd, SHUT_WR) == 0 && is_sent_away(fd), "and nothing more");
	}
	CHECK(machine_load(&machine, 0) == -EINPROGRESS, "no part is taken for the whole");
	check_comes(&machine, 10, "the next one is");
	machine_free(&machine);
}

/* 0: nobody is there; 1: somebody silent; 2: in the middle of a hello; 3: of memory; 4: all has come */
static void end_at(int moment)
{
	static const uint8_t half[4096];
	const struct stream_hello hello = right_hello();
	struct machine machine;
	int fd = -1;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	machine_reserve(&machine, &session);
	if (moment > 0)
		fd = machine_knock(&machine);
	if (moment == 2 || moment == 3)
		CHECK(put(fd, &hello, moment == 2 ? 8 : sizeof(hello)), "some of it comes");
	if (moment == 3)
		CHECK(put_section(fd, SECTION_MEMORY, BOARD_RAM, 8192, half, sizeof(half)),
		      "half of its memory comes");
	if (moment == 4)
		send_guest(fd, 1);
	machine_free(&machine);
	CHECK(moment == 0 || is_sent_away(fd), "the VMM ends, whoever is there");
}

static void test_it_ends_at_any_moment(void)
{
	for (int moment = 0; moment < 5; moment++)
		end_at(moment);
}

static void test_strangers_do_not_fill_the_disk(void)
{
	struct timespec begin, end;
	struct machine machine;
	int said;

	REQUIRE(machine_new(&machine, true, NULL), "a VMM waits");
	said = machine_said();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 300; i++) {
		const int fd = machine_knock(&machine);

		CHECK(shutdown(fd, SHUT_WR) == 0 && is_sent_away(fd), "somebody comes in vain");
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(machine_said() > said && machine_said() - said <= end.tv_sec - begin.tv_sec + 2,
	      "a line a second tells of all of them");
	machine_free(&machine);
}

int main(void)
{
	return RUN_TESTS(test_the_right_one_is_taken, test_silence_does_not_hold_up_the_right_one,
			 test_a_crowd_has_a_bound, test_strangers_are_sent_away,
			 test_nobody_is_right_before_a_session_has_the_vm,
			 test_a_liar_leaves_nothing_behind, test_devices_are_looked_at,
			 test_a_guest_that_breaks_off_leaves_nothing_behind,
			 test_it_ends_at_any_moment, test_strangers_do_not_fill_the_disk);
}
