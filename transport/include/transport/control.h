/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - how a mover talks to a VMM: the control protocol, both ends
 *
 * docs/control.md is its specification. A VMM fills a table of callbacks, adds its VM to a server and lets
 * the server run in a thread or in its own poll loop. Who owns a paused VM is decided in the server, by
 * one matrix (docs/control.md, "Ownership"), so that no VMM can get it wrong.
 */
#ifndef TRANSPORT_CONTROL_H
#define TRANSPORT_CONTROL_H

#include <sys/types.h>
#include <transport/wire.h>

#define TRANSPORT_CONTROL_VERSION     1u
#define TRANSPORT_CONTROL_MAX_BODY    (256u << 10) /* bytes of a body; what is larger goes by memfd */
#define TRANSPORT_CONTROL_MAX_STATE   (24u << 20) /* bytes of a state behind a memfd */
#define TRANSPORT_CONTROL_MAX_CLIENTS 64u         /* per server, unless the options say otherwise */
#define TRANSPORT_CONTROL_MAX_PROOF   4096u       /* bytes */
#define TRANSPORT_CONTROL_MAX_ISSUES  64u
#define TRANSPORT_DIGEST_SIZE         32u
#define TRANSPORT_CHALLENGE_SIZE      64u
#define TRANSPORT_CONTROL_MAX_PART    (4u << 20)  /* bytes of bulk in one READ or LOAD */
#define TRANSPORT_CONTROL_MAX_TOKEN   (64u << 10) /* bytes of an attestation token */

/* X(symbol, number, name): message types; requests and replies share a number. Appended to, never changed. */
#define TRANSPORT_CONTROL_VERBS(X)     \
	X(HELLO, 1, "hello")           \
	X(INFO, 2, "info")             \
	X(STATUS, 3, "status")         \
	X(PAUSE, 4, "pause")           \
	X(CAPTURE, 5, "capture")       \
	X(RESUME, 6, "resume")         \
	X(RELINQUISH, 7, "relinquish") \
	X(RECLAIM, 8, "reclaim")       \
	X(CHECK, 9, "check")           \
	X(RESERVE, 10, "reserve")      \
	X(STAGE, 11, "stage")          \
	X(PREPARED, 12, "prepared")    \
	X(COMMIT, 13, "commit")        \
	X(ABORT, 14, "abort")          \
	X(END, 15, "end")              \
	X(READ, 16, "read")            \
	X(LOAD, 17, "load")            \
	X(TOKEN, 18, "token")          \
	X(REHEARSE, 19, "rehearse")    \
	X(MODEL, 0x100, "model")

enum transport_verb {
#define X(symbol, number, name) TRANSPORT_VERB_##symbol = (number),
	TRANSPORT_CONTROL_VERBS(X)
#undef X
};

/* X(symbol, name): what a VM is to the protocol. The numbers travel in STATUS: append only. */
#define TRANSPORT_VM_STATES(X)          \
	X(RUNNING, "running")           \
	X(PAUSED, "paused")             \
	X(RELINQUISHED, "relinquished") \
	X(RESERVED, "reserved")         \
	X(STAGED, "staged")             \
	X(PREPARED, "prepared")         \
	X(ENDED, "ended")

enum transport_vm_state {
#define X(symbol, name) TRANSPORT_VM_##symbol,
	TRANSPORT_VM_STATES(X)
#undef X
		TRANSPORT_VM_NR_STATES
};

enum transport_capture_kind {
	TRANSPORT_CAPTURE_BASE = 1,  /* the VM may be running; the result may be torn and says so */
	TRANSPORT_CAPTURE_FINAL = 2, /* the VM is paused by this session */
	TRANSPORT_CAPTURE_COLD = 3,  /* the same; an active realm as it was when it was activated */
};

/* What a VM is; does not change while it lives. */
struct transport_vm_info {
	struct transport_id uuid;
	char type[16];    /* "arm64", "realm", "s390" */
	char profile[16]; /* "spec", "kvm-v5", "kvm-v7" */
	char kernel[32];  /* the kernel profile, e.g. "6.12" */
	uint32_t n_vcpus;
	uint64_t generation; /* how often this VM was handed over */
	bool model;          /* knows the MODEL verb */
};

/* What the protocol knows of a VM now. */
struct transport_vm_status {
	enum transport_vm_state state;
	bool may_run;                  /* the same as state RUNNING */
	bool held;                     /* an operator's pause: outlives the connection */
	struct transport_id session;   /* who paused, reserved or staged it; zero if nobody */
	struct transport_id committed; /* the last session that was committed into this VM */
	struct transport_id
		instance; /* of the VMM: another one after it was started again; zero: it does not say */
};

struct transport_issues {
	struct transport_error issue[TRANSPORT_CONTROL_MAX_ISSUES];
	unsigned int n_issues;
};

/* A borrowed state: a record stream of docs/format.md, opaque here. */
struct transport_state {
	const uint8_t *data;
	size_t len;
};

/* What REHEARSE left behind. */
struct transport_rehearsal {
	bool kept; /* a base is kept: STAGE may bring what changed since */
	uint8_t base[TRANSPORT_DIGEST_SIZE]; /* its digest */
	uint64_t took_us;                    /* what STAGE will do to it, done once; 0: not tried */
};

/* A staged state and what it is; all borrowed. */
struct transport_stage {
	struct transport_id session;
	uint64_t generation;            /* the VM's from COMMIT on */
	struct transport_state records; /* or what changed since the base that REHEARSE kept */
	struct transport_state base;    /* empty without a base */
};

/* --- the VMM's side --- */

/*
 * What a server asks of a VMM. Each is called in the server's thread, returns 0 or a negative errno and
 * fills @err then; a NULL member answers "port-lacks" and says which. A refusing callback leaves the VM's
 * state as it was.
 */
struct transport_control_ops {
	int (*info)(void *vm, struct transport_vm_info *info, struct transport_error *err);
	/* All vCPUs have left the guest when pause returns; resume lets them run. */
	int (*pause)(void *vm, struct transport_error *err);
	int (*resume)(void *vm, struct transport_error *err);
	/* Append a record stream to @out. @base is empty unless a delta against it is wanted. */
	int (*capture)(void *vm, enum transport_capture_kind kind,
		       const struct transport_state *base, struct transport_buffer *out,
		       struct transport_error *err);
	/*
	 * The same, where a delta against the base with this digest may take its place; that base is what
	 * capture(), or this, made of the running VM last, and a further base becomes it. Whether the VMM has it
	 * and whether a delta is smaller is its own affair. NULL: it never is.
	 */
	int (*capture_since)(void *vm, enum transport_capture_kind kind,
			     const uint8_t base[TRANSPORT_DIGEST_SIZE],
			     struct transport_buffer *out, struct transport_error *err);
	/* All obstacles, not the first; 0 with none found means the state can be taken. */
	int (*check)(void *vm, const struct transport_state *records,
		     struct transport_issues *issues, struct transport_error *err);
	/*
	 * As check() of a base, or of what changed since the one that is kept, for the session that has reserved
	 * the VM; what it leads to is kept for stage(), and @done says so. NULL: check() is all there is.
	 */
	int (*rehearse)(void *vm, const struct transport_state *records,
			struct transport_issues *issues, struct transport_rehearsal *done,
			struct transport_error *err);
	/* Be a fresh VM that waits for a state; refuses (-EEXIST "vm-not-fresh") what has run. */
	int (*reserve)(void *vm, const struct transport_id *session, struct transport_error *err);
	/* Decode, check, replay, prove; the digest is of what was captured again. */
	int (*stage)(void *vm, const struct transport_stage *stage,
		     uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err);
	/*
	 * Is everything the VM needs loaded? May be NULL: then STAGE was all. -EINPROGRESS: it is still on its way; the
	 * mover's answer waits, others are served meanwhile, and this is called again after
	 * transport_server_wake(), and now and then. How long that may go on is for the VMM to say.
	 */
	int (*prepared)(void *vm, bool *prepared, struct transport_error *err);
	/* The one permission to run; @stay_paused: resume comes later. */
	int (*commit)(void *vm, bool stay_paused, struct transport_error *err);
	/* Throw away what was staged; cannot fail. */
	void (*discard)(void *vm);
	/* The VM was handed over, its process may end; cannot fail. */
	void (*end)(void *vm);
	/*
	 * Bulk that stands beside the records, by the number of its payload frame (docs/format.md): append exactly
	 * @len bytes to @out; take bytes for what will be staged. A VMM whose states have none leaves both out.
	 */
	int (*read)(void *vm, uint32_t part, uint64_t offset, size_t len,
		    struct transport_buffer *out, struct transport_error *err);
	int (*load)(void *vm, uint32_t part, uint64_t offset, const struct transport_state *bytes,
		    struct transport_error *err);
	/* Append an attestation token of the staged realm to @out. NULL: this VMM cannot. */
	int (*token)(void *vm, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		     struct transport_buffer *out, struct transport_error *err);
	/* Model-only: UTF-8 JSON in, UTF-8 JSON appended to @out. May be NULL. */
	int (*model)(void *vm, const char *request, size_t len, struct transport_buffer *out,
		     struct transport_error *err);
	/* Told after every change of the protocol's state; may be NULL. */
	void (*changed)(void *vm, const struct transport_vm_status *status);
};

struct transport_server_options {
	const uid_t *allow; /* beside root and the server's own uid; borrowed until new returns */
	size_t n_allow;
	unsigned int max_clients; /* 0: TRANSPORT_CONTROL_MAX_CLIENTS */
	int message_timeout_ms;   /* for one message to arrive or leave whole; 0: 5000 */
	int hello_timeout_ms;     /* for HELLO after connecting; 0: 5000 */
	mode_t socket_mode; /* 0: 0600, or 0666 with an allow list, where the uid check decides */
};

struct transport_server;

/** transport_server_new() - a server without doors. Return: 0; -E2BIG "over-limit" for more than 64 users; -errno "io" of epoll or eventfd; -ENOMEM */
TRANSPORT_API int transport_server_new(const struct transport_server_options *options,
				       struct transport_server **server,
				       struct transport_error *err);

/**
 * transport_server_add() - open a door: listen at @path on behalf of one VM
 * @ops: borrowed until the server is freed
 * @vm: handed to every callback
 *
 * A socket at @path that nobody listens to is replaced; anything else there is left alone. Call it before
 * transport_server_run() or from its thread.
 * Return: 0; -EADDRINUSE "busy" if another server listens there, -EEXIST if @path is no socket,
 * -ENAMETOOLONG, another -errno "io" of socket, bind or listen; -ENOMEM.
 */
TRANSPORT_API int transport_server_add(struct transport_server *server, const char *path,
				       const struct transport_control_ops *ops, void *vm,
				       struct transport_error *err);

/**
 * transport_server_add_empty() - the same for a VM without a guest, which waits for one to move in
 *
 * Its state is ended: nothing of it can be paused, and RESERVE is all that is allowed.
 * Return: as transport_server_add().
 */
TRANSPORT_API int transport_server_add_empty(struct transport_server *server, const char *path,
					     const struct transport_control_ops *ops, void *vm,
					     struct transport_error *err);

/** transport_server_status() - what the protocol knows of the VM behind @path; -ENOENT for no door */
TRANSPORT_API int transport_server_status(const struct transport_server *server, const char *path,
					  struct transport_vm_status *status);

/** transport_server_run() - serve until transport_server_stop(). Return: 0; -errno of epoll */
TRANSPORT_API int transport_server_run(struct transport_server *server,
				       struct transport_error *err);

/**
 * transport_server_step() - serve what is ready, waiting at most @timeout_ms (-1: until something is)
 *
 * For a VMM with its own loop: poll transport_server_fd() for input and step with 0; step at least once a
 * second besides, because deadlines of clients are kept here.
 * Return: 1 after transport_server_stop(); 0 otherwise; -errno of epoll.
 */
TRANSPORT_API int transport_server_step(struct transport_server *server, int timeout_ms,
					struct transport_error *err);

/** transport_server_fd() - becomes readable when a step has something to do; owned by the server */
TRANSPORT_API int transport_server_fd(const struct transport_server *server);

/** transport_server_wake() - ask callbacks again that said -EINPROGRESS; safe in a signal handler and in any thread */
TRANSPORT_API void transport_server_wake(struct transport_server *server);

/** transport_server_stop() - make run return; safe in a signal handler and in any thread */
TRANSPORT_API void transport_server_stop(struct transport_server *server);

/**
 * transport_server_free() - drop the clients, close and unlink the doors
 *
 * A VM that a connected session had paused and not relinquished is resumed, as after any dropped
 * connection. Return: NULL.
 */
TRANSPORT_API struct transport_server *transport_server_free(struct transport_server *server);

/** transport_vm_state_name() - "running" etc.; NULL for no state */
TRANSPORT_API const char *transport_vm_state_name(enum transport_vm_state state);

/** transport_verb_name() - "pause" etc.; NULL for an unknown number */
TRANSPORT_API const char *transport_verb_name(uint16_t type);

/* --- the mover's side --- */

struct transport_control;

/*
 * Every call below waits for its reply at most the time given to transport_control_open(), and returns 0,
 * or what the VMM answered (its error object, code included), or
 *	-ETIMEDOUT "timeout"	no complete reply in time
 *	-ECONNRESET "peer"	the VMM closed the connection; whether it obeyed before is not known
 *	-EPIPE "peer"		it was gone before it had the whole request: it did not obey
 *	-EBADMSG "protocol"	the reply breaks the protocol
 *	-errno "peer"		the connection cannot be waited at
 *	-ENOMEM "no-memory"
 * After one of these the connection is of no use: close it. It is as it was after
 *	-E2BIG "over-limit"	the request, a state above TRANSPORT_CONTROL_MAX_STATE among it, or what it should be
 *				appended to, cannot be so large
 *	-errno "over-limit"	a memory file for it cannot be had; nothing was sent
 * A connection belongs to one thread.
 */

/**
 * transport_control_open() - connect to a VMM and agree on a version
 * @path: its socket
 * @timeout_ms: for each call, this one included
 *
 * Return: 0; -ENAMETOOLONG "usage"; -errno "peer" of connect; -EPROTONOSUPPORT "newer" if no version is common; -EACCES
 * "refused" if the VMM does not allow this user; -EAGAIN "temporary" if it has no place for one more; the errors above.
 */
TRANSPORT_API int transport_control_open(const char *path, int timeout_ms,
					 struct transport_control **control,
					 struct transport_error *err);
/** transport_control_close() - what this connection had paused runs again. Return: NULL */
TRANSPORT_API struct transport_control *transport_control_close(struct transport_control *control);
/** transport_control_set_timeout() - for each call from now on, in ms */
TRANSPORT_API void transport_control_set_timeout(struct transport_control *control, int timeout_ms);

/** transport_control_on_wait() - tell @waiting now and then while a reply is awaited; NULL: nobody */
TRANSPORT_API void transport_control_on_wait(struct transport_control *control,
					     void (*waiting)(void *ctx), void *ctx);

/** transport_control_info() - what the VM is */
TRANSPORT_API int transport_control_info(struct transport_control *control,
					 struct transport_vm_info *info,
					 struct transport_error *err);
/** transport_control_status() - in which state the VM is, and whose */
TRANSPORT_API int transport_control_status(struct transport_control *control,
					   struct transport_vm_status *status,
					   struct transport_error *err);
/**
 * transport_control_pause() - stop the VM for @session; if this connection ends, it runs again
 *
 * A zero @session is an operator's pause, which outlives the connection.
 * Return: as above; -EBUSY "busy" if another session has it.
 */
TRANSPORT_API int transport_control_pause(struct transport_control *control,
					  const struct transport_id *session,
					  struct transport_error *err);
/**
 * transport_control_pause_capture() - PAUSE, and the request for a final capture right behind it
 *
 * So that the VMM captures at once. transport_control_capture() for a final state without a base is next and
 * takes the result; any other call drops it. Return: as transport_control_pause().
 */
TRANSPORT_API int transport_control_pause_capture(struct transport_control *control,
						  const struct transport_id *session,
						  struct transport_error *err);
/**
 * transport_control_pause_since() - the same, where the capture may be a delta
 * @since: digest of a base that transport_control_capture() or _capture_since() brought
 *
 * transport_control_capture_since() for a final state is next and takes the result. Return: as above.
 */
TRANSPORT_API int transport_control_pause_since(struct transport_control *control,
						const struct transport_id *session,
						const uint8_t since[TRANSPORT_DIGEST_SIZE],
						struct transport_error *err);
/** transport_control_resume() - end the pause of @session (zero: the operator's); -EPERM "refused" */
TRANSPORT_API int transport_control_resume(struct transport_control *control,
					   const struct transport_id *session,
					   struct transport_error *err);
/**
 * transport_control_capture() - append the VM's record stream to @out
 * @base: NULL, or a base to compute a delta against
 *
 * Return: as above; -EBUSY "vm-running" for a final capture of a VM that this connection has not paused.
 */
TRANSPORT_API int transport_control_capture(struct transport_control *control,
					    const struct transport_id *session,
					    enum transport_capture_kind kind,
					    const struct transport_state *base,
					    struct transport_buffer *out,
					    struct transport_error *err);
/**
 * transport_control_capture_since() - the same, or a delta against a base, whichever is the shorter
 *
 * A VMM that has no such base, or knows of no deltas, gives the record stream. Return: as above.
 */
TRANSPORT_API int transport_control_capture_since(struct transport_control *control,
						  const struct transport_id *session,
						  enum transport_capture_kind kind,
						  const uint8_t since[TRANSPORT_DIGEST_SIZE],
						  struct transport_buffer *out,
						  struct transport_error *err);
/** transport_control_relinquish() - give the right to run away; holds when this returns 0 */
TRANSPORT_API int transport_control_relinquish(struct transport_control *control,
					       const struct transport_id *session,
					       struct transport_error *err);
/**
 * transport_control_reclaim() - take the right back; the VM is paused by this connection then
 * @proof: the peer's signed ABORTED or the operator's override, 1..TRANSPORT_CONTROL_MAX_PROOF bytes
 *
 * Return: as above; -EPERM "refused" if it is not relinquished.
 */
TRANSPORT_API int transport_control_reclaim(struct transport_control *control,
					    const struct transport_id *session, const void *proof,
					    size_t len, struct transport_error *err);
/** transport_control_check() - all obstacles to taking this state */
TRANSPORT_API int transport_control_check(struct transport_control *control,
					  const struct transport_state *records,
					  struct transport_issues *issues,
					  struct transport_error *err);
/**
 * transport_control_rehearse() - the same of a base or of what changed since the one the VMM keeps, and keep it
 *
 * For the session that has reserved the VM. Return: as above; -EOPNOTSUPP "protocol" or "port-lacks" of a VMM
 * that knows only CHECK.
 */
TRANSPORT_API int transport_control_rehearse(struct transport_control *control,
					     const struct transport_id *session,
					     const struct transport_state *records,
					     struct transport_issues *issues,
					     struct transport_rehearsal *done,
					     struct transport_error *err);
/** transport_control_reserve() - keep a fresh VM for @session: it may not run until COMMIT */
TRANSPORT_API int transport_control_reserve(struct transport_control *control,
					    const struct transport_id *session,
					    struct transport_error *err);
/** transport_control_stage() - decode, check, replay and prove; @digest is of the capture taken again */
TRANSPORT_API int transport_control_stage(struct transport_control *control,
					  const struct transport_stage *stage,
					  uint8_t digest[TRANSPORT_DIGEST_SIZE],
					  struct transport_error *err);
/** transport_control_stage_prepared() - STAGE, and PREPARED right behind it: both answers, or the first error */
TRANSPORT_API int transport_control_stage_prepared(struct transport_control *control,
						   const struct transport_stage *stage,
						   uint8_t digest[TRANSPORT_DIGEST_SIZE],
						   bool *prepared, struct transport_error *err);
/** transport_control_prepared() - is everything the VM needs loaded? */
TRANSPORT_API int transport_control_prepared(struct transport_control *control,
					     const struct transport_id *session, bool *prepared,
					     struct transport_error *err);
/** transport_control_commit() - the permission to run; once given, a repetition is answered 0 */
TRANSPORT_API int transport_control_commit(struct transport_control *control,
					   const struct transport_id *session, bool stay_paused,
					   struct transport_error *err);
/** transport_control_abort() - throw away what was staged; a repetition is answered 0 */
TRANSPORT_API int transport_control_abort(struct transport_control *control,
					  const struct transport_id *session,
					  struct transport_error *err);
/** transport_control_end() - the relinquished VM runs elsewhere now */
TRANSPORT_API int transport_control_end(struct transport_control *control,
					const struct transport_id *session,
					struct transport_error *err);
/**
 * transport_control_read() - append bytes of bulk of the VM this connection has paused to @out
 * @part: the number of its payload frame
 * @len: at most TRANSPORT_CONTROL_MAX_PART
 *
 * Return: as above; -EBUSY "vm-running" as of a final capture.
 */
TRANSPORT_API int transport_control_read(struct transport_control *control,
					 const struct transport_id *session, uint32_t part,
					 uint64_t offset, size_t len, struct transport_buffer *out,
					 struct transport_error *err);
/** transport_control_load() - give bulk to the VM reserved by @session, before STAGE. Return: as above */
TRANSPORT_API int transport_control_load(struct transport_control *control,
					 const struct transport_id *session, uint32_t part,
					 uint64_t offset, const struct transport_state *bytes,
					 struct transport_error *err);
/**
 * transport_control_token() - append an attestation token of the staged realm to @out
 *
 * Return: as above; -EOPNOTSUPP "port-lacks" if the VMM cannot issue one.
 */
TRANSPORT_API int transport_control_token(struct transport_control *control,
					  const struct transport_id *session,
					  const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
					  struct transport_buffer *out,
					  struct transport_error *err);
/**
 * transport_control_model() - a model-only verb: JSON in, JSON appended to @out
 *
 * Return: as above; -EOPNOTSUPP "port-lacks" if the VMM is no model.
 */
TRANSPORT_API int transport_control_model(struct transport_control *control, const char *request,
					  size_t len, struct transport_buffer *out,
					  struct transport_error *err);

#endif
