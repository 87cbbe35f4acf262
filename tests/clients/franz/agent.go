// agent.go -- franz-go, asked over standard input (see lib/agent.py).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A []byte is null or base64 in Go's JSON; only an empty one must not turn into null.
type header [2]*string

type record struct {
	P int32    `json:"p"`
	O int64    `json:"o"`
	K *[]byte  `json:"k"`
	V *[]byte  `json:"v"`
	H [][2]any `json:"h"`
	T int64    `json:"t"`
}

type asked struct {
	P *int32   `json:"p"`
	K *[]byte  `json:"k"`
	V *[]byte  `json:"v"`
	H []header `json:"h"`
	T *int64   `json:"t"`
}

type request struct {
	Op        string             `json:"op"`
	Topic     string             `json:"topic"`
	Acks      string             `json:"acks"`
	Codec     string             `json:"codec"`
	Records   []asked            `json:"records"`
	Topics    map[string][]int64 `json:"topics"`
	TimeoutMs int64              `json:"timeout_ms"`
	Group     string             `json:"group"`
	Count     int                `json:"count"`
	Out       string             `json:"out"`
	Until     string             `json:"until"`
	Strategy  string             `json:"strategy"`
}

var bootstrap []string

func producerOptions(q request) []kgo.Opt {
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[q.Codec]
	options := []kgo.Opt{kgo.SeedBrokers(bootstrap...), kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(20 * time.Millisecond)}
	switch q.Acks {
	case "0":
		options = append(options, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	if len(q.Records) > 0 && q.Records[0].P != nil {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	return options
}

func produce(q request) (any, error) {
	client, err := kgo.NewClient(producerOptions(q)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	results := make([]map[string]any, len(q.Records))
	for i, a := range q.Records {
		r := &kgo.Record{Topic: q.Topic}
		if a.P != nil {
			r.Partition = *a.P
		}
		if a.K != nil {
			r.Key = *a.K
		}
		if a.V != nil {
			r.Value = *a.V
		}
		if a.T != nil {
			r.Timestamp = time.UnixMilli(*a.T)
		}
		if r.Headers, err = headersOf(a.H); err != nil {
			return nil, err
		}
		i := i
		client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
			if err != nil {
				results[i] = map[string]any{"error": err.Error()}
			} else {
				results[i] = map[string]any{"p": r.Partition, "o": r.Offset}
			}
		})
	}
	return map[string]any{"results": results}, client.Flush(context.Background())
}

func headersOf(told []header) (headers []kgo.RecordHeader, err error) {
	for _, h := range told {
		var value []byte
		if h[1] != nil {
			text, _ := json.Marshal(*h[1])
			if err = json.Unmarshal(text, &value); err != nil {
				return nil, err
			}
		}
		headers = append(headers, kgo.RecordHeader{Key: *h[0], Value: value})
	}
	return headers, nil
}

func bytesOf(data []byte) *[]byte {
	if data == nil {
		return nil
	}
	return &data
}

func consume(q request) (any, error) {
	start := map[string]map[int32]kgo.Offset{}
	var missing int64
	for topic, counts := range q.Topics {
		start[topic] = map[int32]kgo.Offset{}
		for p, count := range counts {
			start[topic][int32(p)] = kgo.NewOffset().AtStart()
			missing += count
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumePartitions(start),
		kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	limit := time.Duration(q.TimeoutMs) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	read := map[string][]record{}
	for missing > 0 && ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if ctx.Err() == nil {
				return nil, fmt.Errorf("%s [%d]: %w", e.Topic, e.Partition, e.Err)
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := [][2]any{}
			for _, h := range r.Headers {
				headers = append(headers, [2]any{h.Key, bytesOf(h.Value)})
			}
			read[r.Topic] = append(read[r.Topic], record{r.Partition, r.Offset, bytesOf(r.Key),
				bytesOf(r.Value), headers, r.Timestamp.UnixMilli()})
			missing--
		})
	}
	ends, err := endsOf(client, q.Topics)
	return map[string]any{"records": read, "ends": ends}, err
}

func endsOf(client *kgo.Client, topics map[string][]int64) (map[string][]int64, error) {
	ends := map[string][]int64{}
	ask := kmsg.NewPtrListOffsetsRequest()
	ask.ReplicaID = -1
	for topic, counts := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for p := range counts {
			part := kmsg.NewListOffsetsRequestTopicPartition()
			part.Partition, part.Timestamp = int32(p), -1
			t.Partitions = append(t.Partitions, part)
		}
		ask.Topics = append(ask.Topics, t)
		ends[topic] = make([]int64, len(counts))
	}
	for _, shard := range client.RequestSharded(context.Background(), ask) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, err
				}
				ends[t.Topic][p.Partition] = p.Offset
			}
		}
	}
	return ends, nil
}

func group(q request) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumerGroup(q.Group),
		kgo.ConsumeTopics(q.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer client.Close() // It leaves the group.
	limit := time.Duration(q.TimeoutMs) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	values := []*[]byte{}
	for len(values) < q.Count && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			values = append(values, bytesOf(r.Value))
		})
	}
	return map[string]any{"values": values}, client.CommitUncommittedOffsets(context.Background())
}

func member(q request) (any, error) {
	balancer := kgo.RangeBalancer()
	if q.Strategy == "cooperative" {
		balancer = kgo.CooperativeStickyBalancer()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumerGroup(q.Group),
		kgo.ConsumeTopics(q.Topic), kgo.DisableAutoCommit(), kgo.Balancers(balancer),
		kgo.SessionTimeout(3*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer client.Close() // It leaves the group.
	handled, err := os.OpenFile(q.Out, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer handled.Close()
	for {
		if _, err := os.Stat(q.Until); err == nil {
			return map[string]any{}, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			fmt.Fprintln(handled, r.Partition, r.Offset, string(r.Value))
		})
		cancel()
		_ = client.CommitUncommittedOffsets(context.Background()) // Else somebody handles them again.
	}
}

func main() {
	bootstrap = strings.Split(os.Args[1], ",")
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var q request
		var answer any
		if err = json.Unmarshal(line, &q); err == nil {
			if q.Op == "produce" {
				answer, err = produce(q)
			} else if q.Op == "group" {
				answer, err = group(q)
			} else if q.Op == "member" {
				answer, err = member(q)
			} else {
				answer, err = consume(q)
			}
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		text, _ := json.Marshal(answer)
		fmt.Println(string(text))
	}
}
