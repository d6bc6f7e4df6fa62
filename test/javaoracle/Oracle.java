import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Answers questions about Avro, one JSON object a line, with what Apache Avro for Java does. Each reader
 * has a GenericData of its own, since the one of all keeps the defaults of every schema it has seen.
 */
public final class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final HexFormat HEX = HexFormat.of();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      ObjectNode answer;
      try {
        answer = answer(JSON.readTree(line));
        answer.put("ok", true);
      } catch (Exception | StackOverflowError e) {
        answer = NODES.objectNode();
        answer.put("ok", false);
        answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
      }
      out.println(JSON.writeValueAsString(answer));
      out.flush();
    }
  }

  private static ObjectNode answer(JsonNode q) throws Exception {
    switch (q.get("op").textValue()) {
      case "parse":
        return parse(q);
      case "compatible":
        return compatible(q);
      case "decode":
        return decode(q);
      case "encode":
        return encode(q);
      case "cross":
        return cross(q);
      default:
        throw new IllegalArgumentException("no such op");
    }
  }

  private static Schema schema(JsonNode text) {
    return new Schema.Parser().parse(text.textValue());
  }

  private static ObjectNode parse(JsonNode q) throws Exception {
    Schema.Parser parser = new Schema.Parser();
    if (q.path("lenient").asBoolean()) {
      parser = new Schema.Parser(NameValidator.NO_VALIDATION).setValidateDefaults(false);
    }
    List<Schema> references = new ArrayList<>();
    if (q.has("references")) {
      for (JsonNode text : q.get("references")) {
        references.add(parser.parse(text.textValue()));
      }
    }
    Schema s = parser.parse(q.get("schema").textValue());
    ObjectNode a = NODES.objectNode();
    a.put("canonical", s.toString(references, false));
    a.put("parsing", SchemaNormalization.toParsingForm(s));
    // Java prints the CRC as bytes, least significant first; as a number it reads as a hash should.
    a.put("crc64", String.format("%016x", SchemaNormalization.parsingFingerprint64(s)));
    a.put("md5", HEX.formatHex(SchemaNormalization.parsingFingerprint("MD5", s)));
    a.put("sha256", HEX.formatHex(SchemaNormalization.parsingFingerprint("SHA-256", s)));
    return a;
  }

  private static ObjectNode compatible(JsonNode q) {
    SchemaCompatibility.SchemaPairCompatibility pair =
        SchemaCompatibility.checkReaderWriterCompatibility(schema(q.get("reader")), schema(q.get("writer")));
    SchemaCompatibility.SchemaCompatibilityResult result = pair.getResult();
    ObjectNode a = NODES.objectNode();
    a.put("compatible", result.getCompatibility() == SchemaCompatibility.SchemaCompatibilityType.COMPATIBLE);
    ArrayNode list = a.putArray("incompatibilities");
    for (SchemaCompatibility.Incompatibility i : result.getIncompatibilities()) {
      ObjectNode one = list.addObject();
      one.put("type", i.getType().name());
      one.put("message", i.getMessage());
      one.put("location", i.getLocation());
    }
    return a;
  }

  private static ObjectNode decode(JsonNode q) throws Exception {
    Schema writer = schema(q.get("writer"));
    Schema reader = schema(q.get("reader"));
    BinaryDecoder in = DecoderFactory.get().binaryDecoder(HEX.parseHex(q.get("data").textValue()), null);
    Object datum = new GenericDatumReader<>(writer, reader, new GenericData()).read(null, in);
    ObjectNode a = NODES.objectNode();
    a.put("json", JSON.writeValueAsString(node(datum)));
    a.put("rest", in.inputStream().available());
    return a;
  }

  private static ObjectNode encode(JsonNode q) throws Exception {
    Schema s = schema(q.get("schema"));
    Object datum =
        new GenericDatumReader<>(s, s, new GenericData()).read(null, DecoderFactory.get().jsonDecoder(s, q.get("json").textValue()));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder out = EncoderFactory.get().binaryEncoder(bytes, null);
    new GenericDatumWriter<>(s).write(datum, out);
    out.flush();
    ObjectNode a = NODES.objectNode();
    a.put("data", HEX.formatHex(bytes.toByteArray()));
    return a;
  }

  /** Writes random data with one schema and reads it with the other; says what failed first. */
  private static ObjectNode cross(JsonNode q) throws Exception {
    Schema writer = schema(q.get("writer"));
    Schema reader = schema(q.get("reader"));
    ObjectNode a = NODES.objectNode();
    int failed = 0;
    Random random = new Random(q.get("seed").longValue());
    for (int i = 0; i < q.get("n").intValue(); i++) {
      Object datum = random(writer, random, 0);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      BinaryEncoder out = EncoderFactory.get().binaryEncoder(bytes, null);
      new GenericDatumWriter<>(writer).write(datum, out);
      out.flush();
      try {
        new GenericDatumReader<>(writer, reader, new GenericData())
            .read(null, DecoderFactory.get().binaryDecoder(bytes.toByteArray(), null));
      } catch (Exception e) {
        if (failed++ == 0) {
          a.put("reason", e.getClass().getSimpleName() + ": " + e.getMessage());
          a.put("data", HEX.formatHex(bytes.toByteArray()));
        }
      }
    }
    a.put("failed", failed);
    return a;
  }

  /** A random value that stays small however the schema recurses. */
  private static Object random(Schema s, Random r, int depth) {
    switch (s.getType()) {
      case NULL:
        return null;
      case BOOLEAN:
        return r.nextBoolean();
      case INT:
        return r.nextInt();
      case LONG:
        return r.nextLong();
      case FLOAT:
        return r.nextFloat();
      case DOUBLE:
        return r.nextDouble();
      case STRING:
        return "s" + r.nextInt(100);
      case BYTES:
        return ByteBuffer.wrap(new byte[] {(byte) r.nextInt(100)});
      case FIXED:
        return new GenericData.Fixed(s, new byte[s.getFixedSize()]);
      case ENUM:
        return new GenericData.EnumSymbol(s, s.getEnumSymbols().get(r.nextInt(s.getEnumSymbols().size())));
      case UNION:
        int i = r.nextInt(s.getTypes().size());
        if (depth > 8 && s.getTypes().get(0).getType() == Schema.Type.NULL) {
          i = 0;
        }
        return random(s.getTypes().get(i), r, depth + 1);
      case ARRAY:
        List<Object> list = new ArrayList<>();
        for (int n = depth > 8 ? 0 : r.nextInt(3); n > 0; n--) {
          list.add(random(s.getElementType(), r, depth + 1));
        }
        return new GenericData.Array<>(s, list);
      case MAP:
        Map<String, Object> map = new HashMap<>();
        for (int n = depth > 8 ? 0 : r.nextInt(3); n > 0; n--) {
          map.put("k" + n, random(s.getValueType(), r, depth + 1));
        }
        return map;
      default:
        GenericData.Record record = new GenericData.Record(s);
        for (Schema.Field f : s.getFields()) {
          record.put(f.pos(), random(f.schema(), r, depth + 1));
        }
        return record;
    }
  }

  /** Plain JSON of a datum: a union's value without its branch, a byte as the character of that code. */
  private static JsonNode node(Object datum) {
    if (datum instanceof IndexedRecord) {
      IndexedRecord r = (IndexedRecord) datum;
      ObjectNode o = NODES.objectNode();
      for (Schema.Field f : r.getSchema().getFields()) {
        o.set(f.name(), node(r.get(f.pos())));
      }
      return o;
    }
    if (datum instanceof Iterable) {
      ArrayNode list = NODES.arrayNode();
      for (Object item : (Iterable<?>) datum) {
        list.add(node(item));
      }
      return list;
    }
    if (datum instanceof Map) {
      ObjectNode o = NODES.objectNode();
      for (Map.Entry<?, ?> e : ((Map<?, ?>) datum).entrySet()) {
        o.set(e.getKey().toString(), node(e.getValue()));
      }
      return o;
    }
    if (datum instanceof ByteBuffer) {
      return NODES.textNode(StandardCharsets.ISO_8859_1.decode(((ByteBuffer) datum).duplicate()).toString());
    }
    if (datum instanceof GenericFixed) {
      return NODES.textNode(new String(((GenericFixed) datum).bytes(), StandardCharsets.ISO_8859_1));
    }
    if (datum instanceof Integer) {
      return NODES.numberNode((Integer) datum);
    }
    if (datum instanceof Long) {
      return NODES.numberNode((Long) datum);
    }
    if (datum instanceof Float) {
      return NODES.numberNode((Float) datum);
    }
    if (datum instanceof Double) {
      return NODES.numberNode((Double) datum);
    }
    if (datum instanceof Boolean) {
      return NODES.booleanNode((Boolean) datum);
    }
    return datum == null ? NODES.nullNode() : NODES.textNode(datum.toString());
  }
}
