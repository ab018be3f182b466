/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - handing a VM over: two sides, one outcome
 *
 * docs/protocol.md has the messages, docs/session-states.md the states and what a crash in each means. The
 * drivers below keep the order; what a step does (pause, seal, write the ledger) is the caller's, in a
 * table of callbacks. The sealed state is opaque here.
 */
#ifndef TRANSPORT_SESSION_H
#define TRANSPORT_SESSION_H

#include <transport/control.h>
#include <transport/stream.h>

#define TRANSPORT_SESSION_VERSION  1u
#define TRANSPORT_NONCE_SIZE       32u
#define TRANSPORT_KEY_ID_SIZE      32u
#define TRANSPORT_MAX_SIGNATURE    4096u
#define TRANSPORT_SESSION_MAX_BLOB (24u << 20) /* bytes of a sealed state */
/* Features, in HELLO and WELCOME: this side can send (source) or try out (destination) a BASE. */
#define TRANSPORT_FEATURE_BASE UINT64_C(1)
/* The destination passes a challenge on to the monitor of a staged realm. */
#define TRANSPORT_FEATURE_TOKEN UINT64_C(2)
/* It knows READY's fields, more than one BASE, STOP and DELTA: docs/protocol.md, 3.11. */
#define TRANSPORT_FEATURE_DELTA UINT64_C(4)
/* The source will wait for something; the destination answers HEARTBEAT meanwhile, and waits along. */
#define TRANSPORT_FEATURE_HEARTBEAT UINT64_C(8)
/* It sends heartbeats by itself in every wait, and expects them: docs/protocol.md, 6. */
#define TRANSPORT_FEATURE_BEAT UINT64_C(16)
/* A body of more than 64 KiB may go as a memory file: both on unix:, the source because it was asked to. */
#define TRANSPORT_FEATURE_PASS UINT64_C(64)
/* After this session another may follow over the same connection. */
#define TRANSPORT_FEATURE_MORE UINT64_C(256)
/* It knows a session that is only tried out (PREFLIGHT's dry run). */
#define TRANSPORT_FEATURE_DRY_RUN UINT64_C(32)
#define TRANSPORT_MAX_TOKEN       15360u /* bytes of an attestation token in a session */
#define TRANSPORT_PROOF_SIZE      (68u + TRANSPORT_MAX_SIGNATURE)

/* --- states: one matrix per side --- */

enum transport_role { TRANSPORT_SOURCE, TRANSPORT_DESTINATION, TRANSPORT_NR_ROLES };

/* X(symbol, name): both sides draw on one list; each uses its own. Names stand in the ledger. */
#define TRANSPORT_SESSION_STATES(X)       \
	X(NEW, "new")                     \
	X(GREETED, "greeted")             \
	X(RECORDED, "recorded")           \
	X(PAUSED, "paused")               \
	X(CAPTURED, "captured")           \
	X(STAGED, "staged")               \
	X(PREPARED, "prepared")           \
	X(ATTESTED, "attested")           \
	X(RELINQUISHING, "relinquishing") \
	X(RELINQUISHED, "relinquished")   \
	X(COMMITTING, "committing")       \
	X(ABORTING, "aborting")           \
	X(PENDING, "pending")             \
	X(IN_DOUBT, "in-doubt")           \
	X(COMMITTED, "committed")         \
	X(ABORTED, "aborted")

enum transport_session_state {
#define X(symbol, name) TRANSPORT_SESSION_##symbol,
	TRANSPORT_SESSION_STATES(X)
#undef X
		TRANSPORT_NR_SESSION_STATES
};

/* X(symbol, name) */
#define TRANSPORT_SESSION_EVENTS(X)         \
	X(GREET, "greet")                   \
	X(RECORD, "record")                 \
	X(PAUSE, "pause")                   \
	X(CAPTURE, "capture")               \
	X(STAGE, "stage")                   \
	X(PREPARE, "prepare")               \
	X(ATTEST, "attest")                 \
	X(ASK_RELINQUISH, "ask-relinquish") \
	X(RELINQUISH, "relinquish")         \
	X(COMMIT, "commit")                 \
	X(DONE, "done")                     \
	X(FAIL, "fail")                     \
	X(REFUSE, "refuse")                 \
	X(RESOLVE, "resolve")               \
	X(WITHDRAW, "withdraw")             \
	X(STUCK, "stuck")                   \
	X(RESTART, "restart")               \
	X(PEER_ABORTED, "peer-aborted")     \
	X(PEER_COMMITTED, "peer-committed") \
	X(VM_KEPT, "vm-kept")               \
	X(VM_TAKEN, "vm-taken")             \
	X(VM_LOST, "vm-lost")               \
	X(RUN_ON_SOURCE, "run-on-source")   \
	X(RUN_ON_DESTINATION, "run-on-destination")

enum transport_session_event {
#define X(symbol, name) TRANSPORT_EVENT_##symbol,
	TRANSPORT_SESSION_EVENTS(X)
#undef X
		TRANSPORT_NR_SESSION_EVENTS
};

/**
 * transport_session_next() - the matrix: where an event leads
 *
 * Return: the next state; TRANSPORT_NR_SESSION_STATES where the event is forbidden.
 */
TRANSPORT_API enum transport_session_state transport_session_next(
	enum transport_role role, enum transport_session_state state,
	enum transport_session_event event);
/** transport_session_state_name() - "new" etc.; NULL for no state */
TRANSPORT_API const char *transport_session_state_name(enum transport_session_state state);
/** transport_session_event_name() - "greet" etc.; NULL for no event */
TRANSPORT_API const char *transport_session_event_name(enum transport_session_event event);
/** transport_session_state_find() - the state of a name; TRANSPORT_NR_SESSION_STATES for none */
TRANSPORT_API enum transport_session_state transport_session_state_find(const char *name);

/* Where one session stands. May be moved by several threads; whoever moves it does what follows. */
struct transport_progress {
	enum transport_role role;
	_Atomic int state; /* enum transport_session_state */
	bool peers_error;  /* the error that came back is the peer's own */
	bool held;         /* source, COMMITTED: the VM stays paused at the destination */
	bool warm;         /* it is over for both, and another may follow over the same stream */
	/* Source: the caller's, empty; gets all that stands in the way at the destination. NULL: not wanted */
	struct transport_issues *obstacles;
	struct session_link *link; /* the driver's, while it runs */
};

/**
 * transport_session_beat() - tell the peer that this side is still at it, if it is time to
 *
 * For callbacks that wait for something else, in the session's own thread, as often as they like.
 */
TRANSPORT_API void transport_session_beat(struct transport_progress *progress);

/** transport_session_move() - take a transition. Return: 0; -EPERM if it is forbidden now */
TRANSPORT_API int transport_session_move(struct transport_progress *progress,
					 enum transport_session_event event);
/** transport_session_state() - where it stands */
TRANSPORT_API enum transport_session_state transport_session_state(
	const struct transport_progress *progress);

/* X(symbol, name): where a fault can be put, in order; the caller's fault callback is told each. */
#define TRANSPORT_SESSION_STEPS(X)                  \
	X(SEND_HELLO, "send.hello")                 \
	X(SEND_PREFLIGHT, "send.preflight")         \
	X(SEND_RECORD, "send.record")               \
	X(SEND_BASE, "send.base")                   \
	X(SEND_REHEARSE, "send.rehearse")           \
	X(SEND_WAIT_STOP, "send.wait-stop")         \
	X(SEND_STOP, "send.stop")                   \
	X(SEND_PAUSE, "send.pause")                 \
	X(SEND_CAPTURE, "send.capture")             \
	X(SEND_BLOB, "send.blob")                   \
	X(SEND_WAIT_PREPARED, "send.wait-prepared") \
	X(SEND_CHALLENGE, "send.challenge")         \
	X(SEND_WAIT_TOKEN, "send.wait-token")       \
	X(SEND_WAIT_ARRIVAL, "send.wait-arrival")   \
	X(SEND_RELINQUISH, "send.relinquish")       \
	X(SEND_COMMIT, "send.commit")               \
	X(SEND_WAIT_DONE, "send.wait-done")         \
	X(SEND_DONE, "send.done")                   \
	X(SEND_OUTCOME, "send.outcome")             \
	X(RECV_HELLO, "recv.hello")                 \
	X(RECV_RECORD, "recv.record")               \
	X(RECV_RESERVE, "recv.reserve")             \
	X(RECV_READY, "recv.ready")                 \
	X(RECV_WAIT_BLOB, "recv.wait-blob")         \
	X(RECV_BASE, "recv.base")                   \
	X(RECV_REHEARSE, "recv.rehearse")           \
	X(RECV_STOP, "recv.stop")                   \
	X(RECV_OPEN, "recv.open")                   \
	X(RECV_STAGE, "recv.stage")                 \
	X(RECV_PREPARED, "recv.prepared")           \
	X(RECV_WAIT_COMMIT, "recv.wait-commit")     \
	X(RECV_TOKEN, "recv.token")                 \
	X(RECV_COMMIT, "recv.commit")               \
	X(RECV_DONE, "recv.done")                   \
	X(RECV_OUTCOME, "recv.outcome")

enum transport_step {
#define X(symbol, name) TRANSPORT_STEP_##symbol,
	TRANSPORT_SESSION_STEPS(X)
#undef X
		TRANSPORT_NR_STEPS
};

/** transport_step_name() - "send.hello" etc.; NULL for no step */
TRANSPORT_API const char *transport_step_name(enum transport_step step);

/* --- what both sides say --- */

/* What the source offers, in HELLO and PREFLIGHT. */
struct transport_offer {
	struct transport_id session, snapshot;
	struct transport_vm_info vm; /* generation: the one it has at the source */
	uint8_t source_key[TRANSPORT_KEY_ID_SIZE];
	bool held;    /* an operator holds it: it stays paused at the destination */
	bool dry_run; /* up to PREPARED and no further: nothing is given away, nothing used up */
};

/* How long to wait for what, in ms; 0 is the default of docs/protocol.md, "Deadlines". */
struct transport_deadlines {
	int message_ms; /* for a message to come or go; for a peer that sends heartbeats to be silent */
	int prepared_ms; /* source: from the last byte of BLOB to PREPARED */
	int commit_ms;   /* destination: from PREPARED to COMMIT */
	int done_ms;     /* source: from COMMIT to DONE */
	/*
	 * Source: how long the VM may stand still. It is not stopped if the rehearsal took longer, and runs on here
	 * if it comes to more before the right to run is given away. 0: as long as it takes.
	 */
	int max_blackout_ms;
	bool ignore_blackout; /* ... but it is not to fail for that */
};

/* Keys, as the session sees them. All of it is the caller's. */
struct transport_signer {
	uint8_t key_id[TRANSPORT_KEY_ID_SIZE];
	void *ctx;
	/* Sign @len bytes of a message of @type; at most TRANSPORT_MAX_SIGNATURE bytes come out. */
	int (*sign)(void *ctx, const char *type, const void *message, size_t len,
		    struct transport_buffer *signature, struct transport_error *err);
	/* Did the trusted key @key_id sign this? An unknown one is -EACCES "peer-untrusted". */
	int (*verify)(void *ctx, const uint8_t key_id[TRANSPORT_KEY_ID_SIZE], const char *type,
		      const void *message, size_t len, const void *signature, size_t signature_len,
		      struct transport_error *err);
};

/* An outcome and who vouches for it: the bytes that RECLAIM takes and the ledger keeps. */
struct transport_proof {
	uint8_t bytes[TRANSPORT_PROOF_SIZE];
	size_t len; /* 0: none */
};

/* Answers to RESOLVE, as numbers on the wire. */
enum transport_outcome {
	TRANSPORT_OUTCOME_UNKNOWN = 0,   /* this host cannot know */
	TRANSPORT_OUTCOME_COMMITTED = 1, /* the VM runs here, or did */
	TRANSPORT_OUTCOME_ABORTED = 2,   /* it never ran here for this session and never will */
};

/** transport_outcome_name() - "unknown", "committed", "aborted"; NULL for another number */
TRANSPORT_API const char *transport_outcome_name(enum transport_outcome outcome);

/* The other end, once HELLO has been verified. */
struct transport_peer {
	uint8_t key_id[TRANSPORT_KEY_ID_SIZE];
	uint8_t nonce[TRANSPORT_NONCE_SIZE]; /* the peer's */
	uint64_t limit;                      /* bytes of a sealed state that it takes */
	uint64_t features;                   /* TRANSPORT_FEATURE_*, and unknown ones */
	uint64_t round_trip_us;              /* source: from HELLO to WELCOME */
};

/* --- the source --- */

/* Times in microseconds, for the summary; 0 where the session did not get so far. */
struct transport_session_times {
	uint64_t hello, record, base, wait, pause, capture, blob, prepared, attest, arrival;
	uint64_t relinquish, done;
	uint64_t blackout; /* from the pause to sending COMMIT, or to letting it run on */
	uint64_t blob_size;
	uint64_t estimate;   /* of the blackout, from the rehearsal; 0: there was none */
	unsigned int rounds; /* BASEs that were sent */
	bool delta;          /* the last state went as what changed since a BASE */
};

/* What a base or a state that the source has sealed is. */
struct transport_sealed {
	bool delta;                            /* what changed since the base that the peer keeps */
	uint8_t digest[TRANSPORT_DIGEST_SIZE]; /* of the records that the peer has afterwards */
};

/* What a hand-over waits for that goes along with the VM by a way of its own (docs/protocol.md, 3.9). */
enum transport_wait {
	TRANSPORT_WAIT_STOP,    /* the moment at which the VM has to stop */
	TRANSPORT_WAIT_ARRIVAL, /* the other thing is there, whole; the VM is prepared there */
};

/*
 * Each returns 0 or a negative errno and fills @err. Order: record, base, wait, pause, capture, challenge, token, wait, relinquish,
 * then one outcome; or after a failure resume or reclaim, then one outcome. @since is the digest of the base that the peer keeps:
 * what changed since then is enough. NULL: it keeps none.
 */
struct transport_source_ops {
	/* Write durably: from here on ask the peer before the VM runs again. */
	int (*record)(void *ctx, const struct transport_peer *peer, struct transport_error *err);
	/*
	 * Capture the VM while it runs and seal that for this peer, to try the way out; as often as
	 * docs/protocol.md, 3.11 says. NULL, or nothing in @blob: there is no trial.
	 */
	int (*base)(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		    struct transport_buffer *blob, struct transport_sealed *sealed,
		    struct transport_error *err);
	/*
	 * Wait @ms for something that the VM moves together with; *@over once it has come. Asked again until then, and in between
	 * the peer has to show that it lives; one that cannot fails the session. May be NULL.
	 */
	int (*wait)(void *ctx, enum transport_wait what, int ms, bool *over,
		    struct transport_error *err);
	int (*pause)(void *ctx, const uint8_t *since, struct transport_error *err);
	/*
	 * Capture the final state and seal it for this peer; @sealed's digest is what PREPARED must say. What is
	 * larger than one message may take, up to the peer's limit, is a mapping (transport_buffer_adopt()).
	 */
	int (*capture)(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		       struct transport_buffer *blob, struct transport_sealed *sealed,
		       struct transport_error *err);
	/*
	 * Both or neither; for realms. May the destination be asked for a token of what it staged, and with which
	 * challenge? *@wanted is false without a word to the peer.
	 */
	int (*challenge)(void *ctx, bool *wanted, uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
			 struct transport_error *err);
	/* Appraise it; empty: the destination has none, and @why says so. 0 lets the hand-over go on. */
	int (*token)(void *ctx, const struct transport_buffer *token,
		     const struct transport_error *why, struct transport_error *err);
	/* *@refused: it failed, and the VMM said so: the right to run was not given away. */
	int (*relinquish)(void *ctx, bool *refused, struct transport_error *err);
	/* End the pause of a VM that was not given away. */
	int (*resume)(void *ctx, struct transport_error *err);
	/* Take back and resume a VM that was. */
	int (*reclaim)(void *ctx, const struct transport_proof *proof, struct transport_error *err);
	/* The session stands there for now (IN_DOUBT) or for ever. @proof may be empty. */
	int (*outcome)(void *ctx, enum transport_session_state state,
		       const struct transport_proof *proof, struct transport_error *err);
	/* Told before each step; a fault may be put there. May be NULL. */
	int (*fault)(void *ctx, enum transport_step step, struct transport_error *err);
};

/**
 * transport_session_send() - hand a VM over
 * @progress: role source, state NEW; says afterwards where the session stands
 * @times: filled as far as the session got
 *
 * Return: 0 with state COMMITTED, or of a dry run ABORTED; -EINPROGRESS "in-doubt" with state IN_DOUBT, which only resolve may
 * leave; otherwise state ABORTED, the VM runs here, and the error says why: a callback's own, one of the
 * stream, the peer's error object, -EBADMSG "protocol", -EPROTONOSUPPORT "newer", -EKEYREJECTED
 * "bad-signature", -EACCES "peer-untrusted", -ESTALE "differs" if the digest is another, -ETIME "over-limit" for a blackout that is too long, -EOPNOTSUPP "incompatible" for
 * a dry run that the peer does not know, -E2BIG, -ENOMEM.
 */
TRANSPORT_API int transport_session_send(
	struct transport_stream *stream, const struct transport_offer *offer,
	const struct transport_signer *signer, const struct transport_deadlines *deadlines,
	const struct transport_source_ops *ops, void *ctx, struct transport_progress *progress,
	struct transport_session_times *times, struct transport_error *err);

/**
 * transport_session_resolve() - ask the peer how a session ended
 *
 * Return: 0 with the peer's signed answer; errors of the stream and of HELLO as above.
 */
TRANSPORT_API int transport_session_resolve(struct transport_stream *stream,
					    const struct transport_offer *offer,
					    const struct transport_signer *signer,
					    const struct transport_deadlines *deadlines,
					    enum transport_outcome *outcome,
					    struct transport_proof *proof,
					    struct transport_error *err);

/**
 * transport_proof_check() - does this proof say that @session was aborted, by a trusted key?
 *
 * Return: 0; -EBADMSG "protocol" if it says something else; what @signer's verify returns.
 */
TRANSPORT_API int transport_proof_check(const struct transport_proof *proof,
					const struct transport_id *session,
					const struct transport_signer *signer,
					struct transport_error *err);

/* --- the destination --- */

struct transport_destination_ops {
	/* Bytes of a sealed state to take; what is above TRANSPORT_SESSION_MAX_BLOB comes in pieces. 0: no more than that. */
	uint64_t max_state;
	bool dry_run; /* no VM is taken, ever: what is found is the answer */
	/*
	 * Look at the offer, reserve the VM, write durably what must be known before it may run, and put
	 * @progress where a RESOLVE for this session will find it. It is removed after outcome().
	 */
	int (*record)(void *ctx, const struct transport_offer *offer,
		      const struct transport_peer *peer, struct transport_progress *progress,
		      struct transport_error *err);
	/*
	 * Open what base() made, try it out where it leaves no trace, and say in @done what is kept of it. May be
	 * NULL. @done NULL: it was tried out; open it once more, and be quick, because the state is on its way. An
	 * error does not matter then.
	 */
	int (*base)(void *ctx, const struct transport_buffer *blob,
		    const uint8_t nonce[TRANSPORT_NONCE_SIZE], struct transport_rehearsal *done,
		    struct transport_error *err);
	/*
	 * The source waits for something that goes along with the VM, and asks whether all is well here. May be NULL: then
	 * such a source is refused.
	 */
	int (*alive)(void *ctx, struct transport_error *err);
	/*
	 * Open and stage; 0 only when all is loaded. The blob's nonce must be @nonce, ours. @since: the base it is a
	 * delta against, which base() kept; NULL: it is whole.
	 */
	int (*stage)(void *ctx, const struct transport_buffer *blob,
		     const uint8_t nonce[TRANSPORT_NONCE_SIZE], const uint8_t *since,
		     uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err);
	/* All that base() or stage() has found in the way, to tell the source beside the error. May be NULL; so may what it returns. */
	const struct transport_issues *(*obstacles)(void *ctx);
	/* Append a token of what is staged; its failure is told to the source, which decides. May be NULL. */
	int (*token)(void *ctx, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		     struct transport_buffer *token, struct transport_error *err);
	/* *@refused: it failed, and the VMM said so: the VM does not run. */
	int (*commit)(void *ctx, bool *refused, struct transport_error *err);
	/* Write the abort durably, then throw away what was staged. An error leaves it PENDING. */
	int (*withdraw)(void *ctx, struct transport_error *err);
	/* The session is COMMITTED, ABORTED or PENDING. */
	int (*outcome)(void *ctx, enum transport_session_state state, struct transport_error *err);
	/* How did this session of this peer end? Settles what can be settled first. */
	int (*resolve)(void *ctx, const struct transport_id *session,
		       const struct transport_peer *peer, enum transport_outcome *outcome,
		       struct transport_error *err);
	/* As in struct transport_source_ops. */
	int (*fault)(void *ctx, enum transport_step step, struct transport_error *err);
};

/* What a connection was about. */
struct transport_visit {
	bool resolve; /* a question only; no session was begun */
	bool held;    /* commit() sets it where the VM stays paused; the source is told */
	struct transport_offer offer;
	enum transport_outcome answered;
	struct transport_session_times times;
};

/**
 * transport_session_receive() - serve one connection: take a VM, or answer a RESOLVE
 * @progress: role destination, state NEW; must live until outcome() has returned
 *
 * Return: 0 if a VM was taken (COMMITTED) or a question answered; otherwise an error as of send, and
 * @progress says where the session stands: NEW or ABORTED, nothing runs here; PENDING, only the VMM knows.
 */
TRANSPORT_API int transport_session_receive(struct transport_stream *stream,
					    const struct transport_signer *signer,
					    const struct transport_deadlines *deadlines,
					    const struct transport_destination_ops *ops, void *ctx,
					    struct transport_progress *progress,
					    struct transport_visit *visit,
					    struct transport_error *err);

#endif
